// SPDX-License-Identifier: MIT
// Peer: pg-boss with batches of 50: stores BENCH_JOBS jobs, then fetches them, POSTs each to BENCH_HANDLER, which answers at once, and completes
// them with their answers' count. Prints one JSON line: enqueue and drain, jobs a second, from the first fetch to the last completion.
// BENCH_LOOPS loops fetch side by side. Node's own fetch, as most would take it.
import PgBoss from 'pg-boss';

const jobs = Number(process.env.BENCH_JOBS), loops = Number(process.env.BENCH_LOOPS);
const { PGHOST: host, PGPORT: port, PGUSER: user, PGDATABASE: database } = process.env;
const boss = new PgBoss({ host, port: Number(port), user, database, max: 10 });
boss.on('error', console.error);
await boss.start();
await boss.createQueue('bench');
await boss.purgeQueue('bench');

const data = { task_type: 'lead_followup', action: 'process', target_id: 'lead-12345', priority: 7, tags: ['sales', 'high-value', 'followup'],
	payload: { contact_method: 'phone', script_id: 'script-789', agent_group: 'sales-team-a' } };
let began = performance.now();
for (let i = 0; i < jobs; i += 50) await Promise.all(Array.from({ length: 50 }, () => boss.send('bench', data)));
const enqueue = jobs / (performance.now() - began) * 1000;

const headers = { 'Content-Type': 'application/json' };
async function post(job) {
	const r = await fetch(process.env.BENCH_HANDLER, { method: 'POST', headers, body: JSON.stringify({ id: job.id, ...job.data }) });
	if (!r.ok) throw new Error(`the handler answered ${r.status}`);
	return r.json();
}

let done = 0;
async function drain() {
	while (done < jobs) {
		const batch = await boss.fetch('bench', { batchSize: 50 });
		if (!batch?.length) break;
		const answers = await Promise.all(batch.map(post));
		await boss.complete('bench', batch.map((job) => job.id), { answers: answers.length });
		done += batch.length;
	}
}
began = performance.now();
await Promise.all(Array.from({ length: loops }, drain));
const drained = done / (performance.now() - began) * 1000;
console.log(JSON.stringify({ enqueue, drain: drained, done }));
await boss.stop({ graceful: false });
process.exit(done === jobs ? 0 : 1);
