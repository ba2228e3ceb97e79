/* SPDX-License-Identifier: MIT
 * Tests of proc.h: the memory that master and workers share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "taskgate/proc/proc.h"

static struct tg_scoreboard *new_board(uint32_t slots, int *fd)
{
	struct tg_scoreboard *board;

	*fd = tg_scoreboard_create(slots);
	assert_true(*fd >= 0);
	board = tg_scoreboard_map(*fd);
	assert_non_null(board);
	return board;
}

static void done(struct tg_scoreboard *board, int fd)
{
	munmap(board, (size_t)lseek(fd, 0, SEEK_END));
	close(fd);
}

static void scoreboard_begins_empty(void **state)
{
	struct tg_scoreboard *board;
	uint32_t i;
	int fd;

	(void)state;
	board = new_board(16, &fd);
	assert_int_equal(board->slots, 16);
	for (i = 0; i < 16; i++) {
		assert_int_equal(atomic_load(&board->slot[i].pid), 0);
		assert_int_equal(atomic_load(&board->slot[i].state), TG_SLOT_EMPTY);
	}
	assert_int_equal(atomic_load(&board->crashes), 0);
	done(board, fd);
}

static void scoreboard_cannot_change_its_size(void **state)
{
	struct tg_scoreboard *board;
	int fd;

	(void)state;
	board = new_board(2, &fd);
	assert_int_not_equal(ftruncate(fd, 10), 0);
	assert_int_not_equal(ftruncate(fd, 1 << 24), 0);
	done(board, fd);
}

static void scoreboard_maps_nothing_else(void **state)
{
	int plain = memfd_create("plain", MFD_ALLOW_SEALING), null = open("/dev/null", O_RDWR);
	uint32_t slots = 3;

	(void)state;
	assert_true(plain >= 0 && null >= 0);
	assert_null(tg_scoreboard_map(-1));
	assert_null(tg_scoreboard_map(null));
	assert_int_equal(ftruncate(plain, 1 << 20), 0);
	assert_int_equal(pwrite(plain, &slots, sizeof slots, 0), (int)sizeof slots);
	assert_null(tg_scoreboard_map(plain));
	assert_int_equal(fcntl(plain, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
	assert_null(tg_scoreboard_map(plain)); /* sealed, but of another size than its slots say */
	close(plain);
	close(null);
}

static void scoreboard_counts_by_class_and_bucket(void **state)
{
	struct tg_scoreboard *board;
	struct tg_route_stat *stat;
	uint64_t sum = 0;
	int fd, i;

	(void)state;
	board = new_board(1, &fd);
	stat = &board->route[5];
	tg_scoreboard_count(board, 5, 200, 250);
	tg_scoreboard_count(board, 5, 201, 251);
	tg_scoreboard_count(board, 5, 404, 5000000);
	tg_scoreboard_count(board, 5, 503, 5000001);
	tg_scoreboard_count(board, 5, 304, -1);
	assert_int_equal(atomic_load(&stat->by_class[2]), 2);
	assert_int_equal(atomic_load(&stat->by_class[3]), 1);
	assert_int_equal(atomic_load(&stat->by_class[4]), 1);
	assert_int_equal(atomic_load(&stat->by_class[5]), 1);
	assert_int_equal(atomic_load(&stat->bucket[0]), 2);
	assert_int_equal(atomic_load(&stat->bucket[1]), 1);
	assert_int_equal(atomic_load(&stat->bucket[TG_BUCKETS - 2]), 1);
	assert_int_equal(atomic_load(&stat->bucket[TG_BUCKETS - 1]), 1);
	assert_int_equal(atomic_load(&stat->count), 5);
	assert_int_equal(atomic_load(&stat->sum_us), 250 + 251 + 5000000 + 5000001);
	for (i = 0; i < TG_BUCKETS; i++)
		sum += atomic_load(&stat->bucket[i]);
	assert_int_equal(sum, 5);
	tg_scoreboard_count(board, -1, 200, 1);
	tg_scoreboard_count(board, TG_ROUTES_MAX, 200, 1);
	assert_int_equal(atomic_load(&board->route[0].count), 0);
	done(board, fd);
}

static void scoreboard_bounds_rise(void **state)
{
	int i;

	(void)state;
	for (i = 1; i < TG_BUCKETS - 1; i++)
		assert_true(tg_bucket_bounds_ms[i] > tg_bucket_bounds_ms[i - 1]);
}

static void scoreboard_loses_no_count_of_several_processes(void **state)
{
	enum { PROCESSES = 4, EACH = 20000 };
	struct tg_scoreboard *board;
	pid_t pid[PROCESSES];
	int fd, i, j, status;

	(void)state;
	board = new_board(1, &fd);
	for (i = 0; i < PROCESSES; i++) {
		pid[i] = fork();
		assert_true(pid[i] >= 0);
		if (pid[i] == 0) {
			for (j = 0; j < EACH; j++)
				tg_scoreboard_count(board, 0, 200, 3);
			_exit(0);
		}
	}
	for (i = 0; i < PROCESSES; i++)
		assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
	assert_int_equal(atomic_load(&board->route[0].count), PROCESSES * EACH);
	assert_int_equal(atomic_load(&board->route[0].sum_us), 3 * PROCESSES * EACH);
	done(board, fd);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(scoreboard_begins_empty),
		cmocka_unit_test(scoreboard_cannot_change_its_size),
		cmocka_unit_test(scoreboard_maps_nothing_else),
		cmocka_unit_test(scoreboard_counts_by_class_and_bucket),
		cmocka_unit_test(scoreboard_bounds_rise),
		cmocka_unit_test(scoreboard_loses_no_count_of_several_processes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
