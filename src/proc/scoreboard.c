/* SPDX-License-Identifier: MIT
 * scoreboard: owns the memory that master and workers share. Promises that it never changes its
 * size and that counting takes no lock, so that a worker which is killed at any point leaves
 * nothing held. Its buckets are counted singly, not summed up. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proc_internal.h"
#include "taskgate/base/clock.h"
#include "taskgate/base/log.h"

const double tg_bucket_bounds_ms[TG_BUCKETS - 1] = { 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250,
	500, 1000, 5000 };

static const char *const state_words[] = {
	[TG_SLOT_EMPTY] = "empty",
	[TG_SLOT_STARTING] = "starting",
	[TG_SLOT_IDLE] = "idle",
	[TG_SLOT_BUSY] = "busy",
	[TG_SLOT_STOPPING] = "stopping",
};

static size_t size_of(uint32_t slots)
{
	return sizeof(struct tg_scoreboard) + slots * sizeof(struct tg_slot);
}

uint32_t tg_scoreboard_slots(uint32_t workers)
{
	return 2 * workers;
}

static bool fill(int fd, uint32_t slots)
{
	if (ftruncate(fd, (off_t)size_of(slots)) != 0)
		return false;
	if (pwrite(fd, &slots, sizeof slots, offsetof(struct tg_scoreboard, slots)) !=
		(ssize_t)sizeof slots)
		return false;
	return fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;
}

int tg_scoreboard_create(uint32_t slots)
{
	int fd = memfd_create("taskgate-scoreboard", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && !fill(fd, slots)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The seals tell our memory from any other file; without them a file could shrink under the
 * mapping. */
struct tg_scoreboard *tg_scoreboard_map(int fd)
{
	const int wanted = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	struct tg_scoreboard *board;
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || (seals & wanted) != wanted || fstat(fd, &st) != 0 ||
		st.st_size < (off_t)sizeof *board)
		return NULL;
	board = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (board == MAP_FAILED)
		return NULL;
	if ((size_t)st.st_size != size_of(board->slots)) {
		munmap(board, (size_t)st.st_size);
		return NULL;
	}
	return board;
}

static void add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

void tg_scoreboard_count(struct tg_scoreboard *board, int route, int status, int64_t us)
{
	struct tg_route_stat *stat;
	int bucket = 0, class = status / 100;

	if (route < 0 || route >= TG_ROUTES_MAX)
		return;
	stat = &board->route[route];
	us = us < 0 ? 0 : us;
	while (bucket < TG_BUCKETS - 1 && (double)us > tg_bucket_bounds_ms[bucket] * 1000)
		bucket++;
	add(&stat->by_class[class < 1 || class > 5 ? 5 : class], 1);
	add(&stat->bucket[bucket], 1);
	add(&stat->sum_us, (uint64_t)us);
	add(&stat->count, 1);
}

void tg_slot_state(struct tg_slot *slot, enum tg_slot_state state)
{
	atomic_store(&slot->since_ms, tg_clock_ms());
	atomic_store(&slot->state, (int)state);
}

const char *tg_app_route_name(const struct tg_app *app, int route)
{
	const char *name = route >= 0 && app->route_name ? app->route_name(route) : NULL;

	return name ? name : "-";
}

void tg_scoreboard_log(struct tg_scoreboard *board, const struct tg_app *app)
{
	int64_t now = tg_clock_ms();
	unsigned in_state[sizeof state_words / sizeof state_words[0]] = { 0 }, state;
	struct tg_slot *slot;
	uint32_t i;

	for (i = 0; i < board->slots; i++) {
		slot = &board->slot[i];
		state = (unsigned)atomic_load(&slot->state);
		if (state == TG_SLOT_EMPTY || state > TG_SLOT_STOPPING)
			continue;
		in_state[state]++;
		tg_log(TG_LOG_INFO, "scoreboard.slot",
			"slot=%u pid=%d state=%s for_ms=%lld route=%s requests=%llu", i,
			atomic_load(&slot->pid), state_words[state],
			(long long)(now - atomic_load(&slot->since_ms)),
			tg_app_route_name(app, atomic_load(&slot->route)),
			(unsigned long long)atomic_load(&slot->requests));
	}
	tg_log(TG_LOG_INFO, "scoreboard",
		"starting=%u idle=%u busy=%u stopping=%u respawns=%llu crashes=%llu "
		"reconnects=%llu up_ms=%lld",
		in_state[TG_SLOT_STARTING], in_state[TG_SLOT_IDLE], in_state[TG_SLOT_BUSY],
		in_state[TG_SLOT_STOPPING], (unsigned long long)atomic_load(&board->respawns),
		(unsigned long long)atomic_load(&board->crashes),
		(unsigned long long)atomic_load(&board->reconnects),
		(long long)(now - atomic_load(&board->started_ms)));
}
