/* SPDX-License-Identifier: MIT
 * Tests of state.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "taskgate/base/arena.h"
#include "taskgate/core/state.h"

static void state_edges_are_sound(void **state)
{
	size_t i, k, n;
	const struct tg_edge *e = tg_state_edges(&n);

	(void)state;
	assert_true(n > 0);
	for (i = 0; i < n; i++) {
		assert_true(e[i].why && e[i].why[0]);
		assert_int_not_equal(e[i].to, TG_STATE_NONE);
		assert_true((e[i].from == TG_STATE_NONE) == (e[i].event == TG_EVENT_CREATE));
		for (k = 0; k < i; k++)
			assert_false(e[k].machine == e[i].machine && e[k].from == e[i].from &&
				e[k].event == e[i].event);
	}
}

static void state_final_has_no_exit_and_others_have_one(void **state)
{
	enum tg_machine m;
	enum tg_state s;
	enum tg_event v;
	bool exits, used;
	size_t i, n;
	const struct tg_edge *e = tg_state_edges(&n);

	(void)state;
	for (m = 0; m < TG_MACHINE__MAX; m++)
		for (s = TG_STATE_PENDING; s < TG_STATE__MAX; s++) {
			for (i = 0, used = false; i < n; i++)
				used = used || (e[i].machine == m && e[i].to == s);
			for (v = 0, exits = false; v < TG_EVENT__MAX; v++)
				exits = exits || tg_state_next(m, s, v) != TG_STATE_NONE;
			/* Who has failed is revived only where the machine says so. */
			if (used && s != TG_STATE_FAILED)
				assert_true(exits == !tg_state_is_final(s));
			if (tg_state_is_final(s))
				assert_true(tg_state_is_finished(s));
		}
}

/* From creation every state that a machine names can be reached, and from each of them an end. */
static void state_machines_have_no_dead_corner(void **state)
{
	enum tg_machine m;
	size_t i, n, round;
	const struct tg_edge *e = tg_state_edges(&n);

	(void)state;
	for (m = 0; m < TG_MACHINE__MAX; m++) {
		bool reached[TG_STATE__MAX] = { [TG_STATE_NONE] = true },
		     ends[TG_STATE__MAX] = { false };

		for (round = 0; round < TG_STATE__MAX; round++)
			for (i = 0; i < n; i++) {
				if (e[i].machine != m)
					continue;
				if (reached[e[i].from])
					reached[e[i].to] = true;
				if (tg_state_is_finished(e[i].to) || ends[e[i].to])
					ends[e[i].from] = true;
			}
		for (i = 0; i < n; i++)
			if (e[i].machine == m)
				assert_true(reached[e[i].from] && ends[e[i].from]);
	}
}

static void state_next_refuses_what_is_no_edge(void **state)
{
	(void)state;
	assert_int_equal(tg_state_next(TG_MACHINE_DISPOSITION, TG_STATE_NONE, TG_EVENT_CREATE),
		TG_STATE_PENDING);
	assert_int_equal(
		tg_state_next(TG_MACHINE_DISPOSITION, TG_STATE_PROCESSING, TG_EVENT_COMPLETE),
		TG_STATE_COMPLETED);
	assert_int_equal(tg_state_next(TG_MACHINE_DISPOSITION, TG_STATE_FAILED, TG_EVENT_REVIVE),
		TG_STATE_PENDING);
	assert_int_equal(tg_state_next(TG_MACHINE_DISPOSITION, TG_STATE_PENDING, TG_EVENT_COMPLETE),
		TG_STATE_NONE);
	assert_int_equal(tg_state_next(TG_MACHINE_DISPOSITION, TG_STATE_COMPLETED, TG_EVENT_CANCEL),
		TG_STATE_NONE);
	assert_int_equal(tg_state_next(TG_MACHINE_DISPOSITION, TG_STATE_PENDING, TG_EVENT_CREATE),
		TG_STATE_NONE);
}

static void state_names_are_read_back(void **state)
{
	enum tg_state s;

	(void)state;
	for (s = 0; s < TG_STATE__MAX; s++)
		assert_int_equal(tg_state_parse(tg_state_name(s)), s);
	assert_int_equal(tg_state_parse("done"), TG_STATE__MAX);
	assert_int_equal(tg_state_parse(""), TG_STATE__MAX);
}

static size_t lines(const char *text, const char *needle)
{
	size_t n = 0;

	for (; (text = strstr(text, needle)) != NULL; text += strlen(needle))
		n++;
	return n;
}

static void state_prints_each_edge_once(void **state)
{
	struct tg_arena *arena = tg_arena_new(1024);
	struct tg_buf text, dot;
	size_t n;

	(void)state;
	tg_state_edges(&n);
	tg_buf_init(&text, arena);
	tg_state_print_text(&text);
	assert_int_equal(lines(text.data, "->"), n);
	tg_buf_init(&dot, arena);
	tg_state_print_dot(&dot);
	assert_int_equal(lines(dot.data, "->"), n);
	assert_int_equal(lines(dot.data, "{"), lines(dot.data, "}"));
	assert_non_null(strstr(dot.data,
		"\"disposition.processing\" -> \"disposition.completed\" [label=\"complete\"]"));
	tg_arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(state_edges_are_sound),
		cmocka_unit_test(state_final_has_no_exit_and_others_have_one),
		cmocka_unit_test(state_machines_have_no_dead_corner),
		cmocka_unit_test(state_next_refuses_what_is_no_edge),
		cmocka_unit_test(state_names_are_read_back),
		cmocka_unit_test(state_prints_each_edge_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
