# SPDX-License-Identifier: MIT
# sqlgen: turns sql/queries/*/*.sql into what C and the tests know of the statements.
#   awk -v want=h    -f sqlgen.awk sql/queries/*/*.sql > stmt_gen.h    ids, parameters, columns
#   awk -v want=c    -f sqlgen.awk sql/queries/*/*.sql > stmt_gen.c    the texts that are prepared
#   awk -v want=json -f sqlgen.awk sql/queries/*/*.sql                 the same for the tests
# A block begins with `-- name: generic_get` and ends at the next one. `-- takes:` lists the names
# of the parameters in the order of $1.., `-- gives:` the columns in their order; both may go on
# over several lines, each a whole list. In the text `:entity` is a parameter. Comments go, white
# space outside quotes becomes one blank, a final semicolon is dropped.
# It refuses what would fail only at run time: a name that comes twice, a block without text, two
# statements in one block, a parameter that is not in takes, one that is never used, a bare $1.
# POSIX awk.

BEGIN {
	split("auto break case char const continue default do double else enum extern float for goto " \
		"if inline int long register restrict return short signed sizeof static struct switch " \
		"typedef union unsigned void volatile while", word, " ")
	for (i in word)
		is_keyword[word[i]] = 1
}

function refuse(message) {
	printf "%s: %s\n", place, message > "/dev/stderr"
	failed = 1
	exit 1
}

function begin_block(name) {
	if (name !~ /^[a-z][a-z0-9_]*$/)
		refuse("a statement's name is one word of [a-z0-9_]: " name)
	if (name in seen)
		refuse("statement " name " is already defined in " seen[name])
	seen[name] = FILENAME
	count++
	names[count] = name
	files[count] = FILENAME
	params[count] = columns[count] = 0
	split("", number)
	split("", used)
	text = ""
	blank = 0
	ended = 0
	quote = ""
}

function end_block(    i) {
	if (count == 0)
		return
	if (quote != "")
		refuse("statement " names[count] ": " quote " is left open")
	if (text == "")
		refuse("statement " names[count] " has no text")
	for (i = 1; i <= params[count]; i++) {
		if (!(param[count, i] in used))
			refuse("statement " names[count] " takes " param[count, i] " and never uses it")
	}
	texts[count] = text
}

# Calls add_param() or add_column() for each name of a list.
function list(what, line,    n, i, part) {
	if (text != "")
		refuse("statement " names[count] ": `" what ":` comes before the text")
	n = split(line, part, ",")
	for (i = 1; i <= n; i++) {
		gsub(/^[ \t]+|[ \t\r]+$/, "", part[i])
		if (part[i] !~ /^[a-z][a-z0-9_]*$/)
			refuse("statement " names[count] " " what " \"" part[i] "\": names are of [a-z0-9_]")
		if (what == "takes")
			add_param(part[i])
		else
			add_column(part[i])
	}
}

function add_param(name) {
	if (name in number)
		refuse("statement " names[count] " takes " name " twice")
	if (name in is_keyword)
		refuse("statement " names[count] " takes " name ", which is a word of C")
	param[count, ++params[count]] = name
	number[name] = params[count]
}

# The constants of two statements must not be the same (`task` with show_id, `task_show` with id).
function add_column(name,    constant) {
	constant = toupper(names[count] "_" name)
	if (constant in constant_of)
		refuse("statement " names[count] " gives " name ", and TG_" constant " is already of " \
			constant_of[constant])
	constant_of[constant] = names[count]
	column[count, ++columns[count]] = name
}

function put(s) {
	if (ended)
		refuse("statement " names[count] " goes on after its semicolon")
	text = text ((blank && text != "") ? " " : "") s
	blank = 0
}

# Gives the length of the name at the beginning of rest.
function put_param(rest,    name) {
	match(rest, /^[a-z][a-z0-9_]*/)
	name = substr(rest, 1, RLENGTH)
	if (!(name in number))
		refuse("statement " names[count] " uses :" name ", which it does not take")
	used[name] = 1
	put("$" number[name])
	return length(name)
}

# Reads one line; quote holds what is open over the line's end: ', ", E (an escape string) or /* */.
function scan(line,    i, n, c, two) {
	n = length(line)
	for (i = 1; i <= n; i++) {
		c = substr(line, i, 1)
		two = substr(line, i, 2)
		if (quote == "comment") {
			if (two == "*/") {
				quote = ""
				i++
			}
		} else if (quote != "") {
			text = text c
			if (quote == "E'" && c == "\\") {
				i++
				text = text substr(line, i, 1)
			} else if (c == substr(quote, length(quote), 1)) {
				if (substr(line, i + 1, 1) == c) {
					i++
					text = text c
				} else {
					quote = ""
				}
			}
		} else if (two == "--") {
			break
		} else if (two == "/*") {
			quote = "comment"
			blank = 1
			i++
		} else if (c ~ /[ \t\r]/) {
			blank = 1
		} else if (c == ";") {
			ended = 1
		} else if (c == "$") {
			refuse("statement " names[count] ": $ outside quotes; a parameter is :name")
		} else if (two == "::") {
			put(two)
			i++
		} else if (two ~ /^:[a-z]/) {
			i += put_param(substr(line, i + 1))
		} else {
			put(c)
			if (c == "'" && substr(line, i - 1, 1) ~ /[eE]/ && substr(" " line, i - 1, 1) !~ /[A-Za-z0-9_]/)
				quote = "E'"
			else if (c == "'" || c == "\"")
				quote = c
		}
	}
	if (quote == "comment" || quote == "")
		blank = 1
	else
		text = text "\n"
}

# A string literal of C, which is one of JSON as well.
function literal(s) {
	gsub(/\\/, "&&", s)
	gsub(/"/, "\\\"", s)
	gsub(/\n/, "\\n", s)
	gsub(/\t/, "\\t", s)
	if (want != "json")
		gsub(/\?/, "\\?", s)
	return "\"" s "\""
}

# The n names of statement k.
function joined(of, k, n, before, between,    i, s) {
	for (i = 1; i <= n; i++)
		s = s (i == 1 ? "" : between) before of[k, i]
	return s
}

function quoted(of, k, n) {
	return n ? "\"" joined(of, k, n, "", "\", \"") "\"" : ""
}

function print_h(    k, id) {
	print "/* Generated by src/sqlgen.awk from sql/queries: do not edit. */"
	print "#ifndef TASKGATE_STMT_GEN_H\n#define TASKGATE_STMT_GEN_H\n"
	print "enum tg_sql {"
	for (k = 1; k <= count; k++)
		printf "\tTG_SQL_%s,\n", toupper(names[k])
	print "\tTG_SQL__MAX\n};\n"
	print "/* A statement and its parameters: texts in the order of its struct, NULL for null. */"
	print "struct tg_bind {\n\tenum tg_sql id;\n\tconst char *const *params;\n};\n"
	print "struct tg_sql_text {\n\tconst char *name, *text;\n\tint params, columns;"
	print "\tconst char *const *param, *const *column; /* their names */\n};\n"
	print "extern const struct tg_sql_text tg_sql_texts[TG_SQL__MAX + 1]; /* the last row is all NULL */"
	for (k = 1; k <= count; k++) {
		id = toupper(names[k])
		print ""
		if (params[k] > 0) {
			printf "struct tg_sql_%s {\n\tconst char %s;\n};\n", names[k], 
				joined(param, k, params[k], "*", ", ")
			printf "#define TG_BIND_%s(...) \\\n", id
			printf "\t((struct tg_bind){ TG_SQL_%s, \\\n", id
			printf "\t\t(const char *const *)&(const struct tg_sql_%s){ __VA_ARGS__ } })\n", names[k]
		} else {
			printf "#define TG_BIND_%s() ((struct tg_bind){ TG_SQL_%s, NULL })\n", id, id
		}
		if (columns[k] > 0)
			printf "enum tg_%s_column {\n\t%s\n};\n", names[k],
				toupper(joined(column, k, columns[k], "TG_" names[k] "_", ",\n\t"))
	}
	print "\n#endif"
}

function print_c(    k) {
	print "/* Generated by src/sqlgen.awk from sql/queries: do not edit. */"
	print "#include <stddef.h>\n#include \"taskgate/db/stmt_gen.h\"\n"
	for (k = 1; k <= count; k++) {
		if (params[k] > 0)
			printf "static const char *const %s_param[] = { %s };\n", names[k], quoted(param, k, params[k])
		if (columns[k] > 0)
			printf "static const char *const %s_column[] = { %s };\n", names[k], quoted(column, k, columns[k])
	}
	print "\nconst struct tg_sql_text tg_sql_texts[TG_SQL__MAX + 1] = {"
	for (k = 1; k <= count; k++)
		printf("\t{ \"%s\",\n\t  %s,\n\t  %d, %d, %s, %s },\n", names[k], literal(texts[k]),
			params[k], columns[k], params[k] ? names[k] "_param" : "NULL",
			columns[k] ? names[k] "_column" : "NULL")
	print "\t{ NULL, NULL, 0, 0, NULL, NULL }\n};"
}

function print_json(    k) {
	print "["
	for (k = 1; k <= count; k++)
		printf("{\"name\": \"%s\", \"file\": %s, \"text\": %s,\n \"takes\": [%s], \"gives\": [%s]}%s\n",
			names[k], literal(files[k]), literal(texts[k]), quoted(param, k, params[k]),
			quoted(column, k, columns[k]), k == count ? "" : ",")
	print "]"
}

{ place = FILENAME ":" FNR }
/^--[ \t]*name:/ {
	end_block()
	sub(/^--[ \t]*name:[ \t]*/, "")
	sub(/[ \t\r]+$/, "")
	begin_block($0)
	next
}
count == 0 {
	if ($0 !~ /^[ \t\r]*(--.*)?$/)
		refuse("text before the first `-- name:` line")
	next
}
quote == "" && /^--[ \t]*(takes|gives):/ {
	what = $0 ~ /^--[ \t]*takes/ ? "takes" : "gives"
	sub(/^--[ \t]*(takes|gives):/, "")
	list(what, $0)
	next
}
{ scan($0) }

END {
	if (failed)
		exit 1
	end_block()
	if (failed)
		exit 1
	if (want == "h")
		print_h()
	else if (want == "c")
		print_c()
	else
		print_json()
}
