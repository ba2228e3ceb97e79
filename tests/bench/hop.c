/* SPDX-License-Identifier: MIT
 * hop: the hop alone, as a yardstick. Pre-forked processes that read a request through libfcgi and
 * answer a constant of the size of a task. hop SOCKET PROCESSES      runs until it is ended; the
 * group is the caller's to signal */
#include <fcgiapp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char answer[] = "{\"success\":true,\"data\":{\"task_id\":\"task-gen-"
			     "41c8c5be614dc7f84d68\",\"entity\":\"1001\",\"type\":\"generic\","
			     "\"task_type\":\"lead_followup\",\"action\":\"process\",\"status\":"
			     "\"completed\",\"priority\":7,\"created_at\":\"2026-01-01T00:00:00Z\","
			     "\"started_at\":\"2026-01-01T00:00:01Z\",\"completed_at\":\"2026-01-"
			     "01T00:00:02Z\",\"execution_time_ms\":1000,\"retries_used\":0,"
			     "\"result\":{\"lead_contacted\":true,\"outcome\":\"interested\"},"
			     "\"tags\":[\"sales\",\"high-value\",\"followup\"]}}";

static int serve(int fd)
{
	FCGX_Request request;
	char body[4096];

	if (FCGX_InitRequest(&request, fd, 0) != 0)
		return 1;
	while (FCGX_Accept_r(&request) == 0) {
		const char *method = FCGX_GetParam("REQUEST_METHOD", request.envp);

		while (FCGX_GetStr(body, sizeof body, request.in) == (int)sizeof body)
			continue;
		FCGX_FPrintF(request.out,
			"Status: %s\r\nContent-Type: application/json\r\nContent-Length: "
			"%d\r\n\r\n%s",
			method != NULL && strcmp(method, "PUT") == 0 ? "201 Created" : "200 OK",
			(int)(sizeof answer - 1), answer);
		FCGX_Finish_r(&request);
	}
	return 1;
}

int main(int argc, char **argv)
{
	int fd, n = argc == 3 ? (int)strtol(argv[2], NULL, 10) : 0;

	if (n < 1 || FCGX_Init() != 0 || (fd = FCGX_OpenSocket(argv[1], 1024)) < 0) {
		fputs("usage: hop SOCKET PROCESSES\n", stderr);
		return 64;
	}
	while (n-- > 0)
		if (fork() == 0)
			_exit(serve(fd));
	wait(NULL);
	return 70;
}
