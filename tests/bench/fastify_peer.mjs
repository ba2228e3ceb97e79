// SPDX-License-Identifier: MIT
// Peer: Fastify + pg, what a good user would write for GET and PUT /generic over the project's own tables: a pool, named prepared statements,
// schemas for body and answer. The statements are the project's own; who may do what is found by enter() in the same transaction, as
// row-level security wants it, and pg has no pipeline, so a request is four round trips.
// Two processes, each on a port of its own, are asked directly (no nginx before them), each by half of the connections, so that neither stands
// idle while the other has more than it can do. BENCH_PORT, BENCH_STATEMENTS (JSON file), BENCH_OPTIONS (session), BENCH_POOL, PG*.
import crypto from 'node:crypto';
import fs from 'node:fs';
import Fastify from 'fastify';
import pg from 'pg';

const text = JSON.parse(fs.readFileSync(process.env.BENCH_STATEMENTS, 'utf8'));
const pool = new pg.Pool({ max: Number(process.env.BENCH_POOL), options: process.env.BENCH_OPTIONS });
const app = Fastify();

const string = { type: 'string' }, integer = { type: 'integer' }, maybe = { type: 'string', nullable: true };
const answer = (properties) => ({ type: 'object', properties: { success: { type: 'boolean' }, data: { type: 'object', properties } } });
const created = { public_id: string, entity: string, kind: string, type: string, action: string, state: string, priority: integer, created_at: string,
	scheduled_at: maybe, timeout_s: integer, retry_count: integer, retries_remaining: integer };
const shown = { public_id: string, entity: string, kind: string, type: string, action: string, state: string, priority: integer, created_at: string,
	started_at: maybe, finished_at: maybe, execution_time_ms: maybe, retries_used: integer,
	result: { type: 'object', nullable: true, additionalProperties: true }, tags: { type: 'array', items: string } };
const body = { type: 'object', required: ['task_type', 'action'], properties: {
	task_type: { type: 'string', pattern: '^[A-Za-z][A-Za-z0-9_.:-]{0,63}$' }, action: { type: 'string', minLength: 1, maxLength: 100 },
	target_id: { type: 'string', minLength: 1, maxLength: 255 }, payload: { type: 'object' },
	priority: { type: 'integer', minimum: 1, maximum: 10, default: 5 }, scheduled_at: string, timeout: { type: 'integer', minimum: 1, maximum: 86400, default: 300 },
	retry_count: { type: 'integer', minimum: 0, maximum: 20, default: 3 }, callback_url: { type: 'string', maxLength: 2048 },
	tags: { type: 'array', maxItems: 50, items: { type: 'string', minLength: 1, maxLength: 100 } } } };
const params = { type: 'object', properties: { entity: { type: 'string', pattern: '^[A-Za-z0-9._:-]{1,128}$' } } };

async function transact(request, scope, name, values) {
	const bearer = request.headers.authorization;
	if (!bearer?.startsWith('Bearer ')) throw Object.assign(new Error('a token is required'), { statusCode: 401 });
	const hash = crypto.createHash('sha256').update(bearer.slice(7)).digest();
	const client = await pool.connect();
	try {
		await client.query('begin');
		await client.query({ name: 'enter', text: text.enter, values: [hash, scope, request.id, request.ip, null] });
		const { rows } = await client.query({ name, text: text[name], values });
		await client.query('commit');
		return rows[0];
	} catch (error) {
		await client.query('rollback').catch(() => {});
		error.statusCode = { TG401: 401, TG403: 403, TG429: 429, 23505: 409 }[error.code] ?? 500;
		throw error;
	} finally {
		client.release();
	}
}

app.get('/generic/:entity', { schema: { params, response: { 200: answer(shown) } } }, async (request, reply) => {
	const row = await transact(request, 'disposition:read', 'generic_get', [request.params.entity, false, true, false]);
	if (!row) return reply.code(404).send({ success: false });
	return { success: true, data: row };
});

app.put('/generic/:entity', { schema: { params, body, response: { 201: answer(created) } } }, async (request, reply) => {
	const g = request.body;
	const row = await transact(request, 'disposition:write', 'generic_create', [request.params.entity, g.task_type, g.action, g.target_id, g.payload,
		g.priority, g.scheduled_at, g.timeout, g.retry_count, g.callback_url, g.tags, false]);
	reply.code(201);
	return { success: true, data: row };
});

await app.listen({ port: Number(process.env.BENCH_PORT), host: '127.0.0.1' });
