/* SPDX-License-Identifier: MIT
 * taskgatectl: the operator's program, see taskgatectl(1). Everything is in src/ctl. */
#include "taskgate/ctl/ctl.h"

int main(int argc, char **argv)
{
	return tg_ctl_main(argc, argv);
}
