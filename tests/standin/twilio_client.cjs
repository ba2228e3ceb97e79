// SPDX-License-Identifier: MIT
// twilio_client: npm's official `twilio` package, pointed at a stand-in. Reads one JSON object a line, {does, ...}, and prints one JSON
// answer for each: {value} or {error: {status, code, message, moreInfo}}.
//   node twilio_client.cjs NODE_MODULES URL ACCOUNT TOKEN
"use strict";
const readline = require("readline");
const [modules, base, account, token] = process.argv.slice(2);
const twilio = require(modules + "/twilio");

class Pointed extends twilio.RequestClient {
	request(options) {
		return super.request({ ...options, uri: options.uri.replace("https://api.twilio.com", base) });
	}
}

const client = twilio(account, token, { httpClient: new Pointed(), autoRetry: false });
const does = {
	create: (q) => client[q.of].create(q.with),
	fetch: (q) => client[q.of](q.sid).fetch(),
	update: (q) => client[q.of](q.sid).update(q.with),
	remove: (q) => client[q.of](q.sid).remove(),
	list: (q) => client[q.of].list(q.with || {}),
	validate: (q) => twilio.validateRequest(token, q.signature, q.url, q.params),
	twiml: (q) => String(Object.entries(q.with).reduce((r, [verb, text]) => (r[verb](text), r), new twilio.twiml.VoiceResponse())),
};

async function main() {
	for await (const line of readline.createInterface({ input: process.stdin })) {
		const question = JSON.parse(line);
		let answer;
		try {
			answer = { value: await does[question.does](question) };
		} catch (e) {
			answer = { error: { status: e.status, code: e.code, message: e.message, moreInfo: e.moreInfo } };
		}
		console.log(JSON.stringify(answer));
	}
}
main();
