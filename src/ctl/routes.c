/* SPDX-License-Identifier: MIT
 * routes: prints the tables by which requests are matched, as they stand in this program. */
#include "taskgate/ctl/ctl.h"
#include "taskgate/serve/route.h"

static void print_line(struct tg_buf *out, const struct tg_route *r)
{
	tg_buf_printf(out, "%-7s  %-34s  %-18s  %8zu  %-18s  %s\n", tg_method_word(r->method),
		r->path, r->scope ? r->scope : "-", r->max_body, r->name, r->doc);
}

static void print_json(
	struct tg_buf *out, const struct tg_api *api, const struct tg_route *r, bool first)
{
	const struct {
		const char *name, *value;
	} members[] = {
		{ "api", api->name },
		{ "name", r->name },
		{ "method", tg_method_word(r->method) },
		{ "path", r->path },
		{ "scope", r->scope },
		{ "doc", r->doc },
	};
	size_t i;

	tg_buf_puts(out, first ? "[{" : ",\n {");
	for (i = 0; i < sizeof members / sizeof *members; i++) {
		tg_buf_printf(out, "\"%s\": ", members[i].name);
		tg_ctl_json_string(out, members[i].value);
		tg_buf_puts(out, ", ");
	}
	tg_buf_printf(out, "\"max_body\": %zu, \"prefixes\": [", r->max_body);
	for (i = 0; api->prefixes[i]; i++) {
		tg_buf_puts(out, i ? ", " : "");
		tg_ctl_json_string(out, api->prefixes[i]);
	}
	tg_buf_puts(out, "]}");
}

static void print_title(struct tg_buf *out, const struct tg_api *api, bool first)
{
	size_t i;

	tg_buf_printf(out, "%s%s (below", first ? "" : "\n", api->name);
	for (i = 0; api->prefixes[i]; i++)
		tg_buf_printf(
			out, "%s %s", i ? "," : "", api->prefixes[i][0] ? api->prefixes[i] : "/");
	tg_buf_puts(out, ")\n");
}

static enum tg_rc routes(struct tg_ctl *ctl)
{
	bool first = true;
	size_t a, r;

	for (a = 0; a < tg_n_apis; a++) {
		if (!ctl->json)
			print_title(&ctl->out, tg_apis[a], first);
		for (r = 0; r < tg_apis[a]->n_routes; r++, first = false) {
			if (ctl->json)
				print_json(&ctl->out, tg_apis[a], &tg_apis[a]->routes[r], first);
			else
				print_line(&ctl->out, &tg_apis[a]->routes[r]);
		}
	}
	if (ctl->json)
		tg_buf_puts(&ctl->out, first ? "[]\n" : "]\n");
	return TG_OK;
}

const struct tg_ctl_command tg_ctl_routes[] = {
	{ .words = "routes",
		.args = "",
		.run = routes,
		.help = "print the routes: method, path, scope, largest body, name, what it does" },
	{ 0 }
};
