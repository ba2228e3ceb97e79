/* SPDX-License-Identifier: MIT
 * states: prints the table of edges as text, as a picture for dot, or as JSON (which a test
 * compares with the database's). */
#include "taskgate/ctl/ctl.h"
#include "taskgate/core/state.h"

static void print_json(struct tg_buf *out)
{
	size_t i, n;
	const struct tg_edge *e = tg_state_edges(&n);

	for (i = 0; i < n; i++) {
		tg_buf_printf(out,
			"%s{\"machine\": \"%s\", \"from\": \"%s\", \"event\": \"%s\", \"to\": "
			"\"%s\", \"why\": ",
			i ? ",\n " : "[", tg_machine_name(e[i].machine), tg_state_name(e[i].from),
			tg_event_name(e[i].event), tg_state_name(e[i].to));
		tg_ctl_json_string(out, e[i].why);
		tg_buf_puts(out, "}");
	}
	tg_buf_puts(out, "]\n");
}

static enum tg_rc states(struct tg_ctl *ctl)
{
	if (ctl->json)
		print_json(&ctl->out);
	else if (tg_ctl_flag(ctl, "--dot"))
		tg_state_print_dot(&ctl->out);
	else
		tg_state_print_text(&ctl->out);
	return TG_OK;
}

const struct tg_ctl_command tg_ctl_states[] = {
	{ .words = "states",
		.args = "",
		.run = states,
		.help = "print the moves that tasks may make",
		.options = { { "--dot", NULL, "as input of Graphviz' dot" } } },
	{ 0 }
};
