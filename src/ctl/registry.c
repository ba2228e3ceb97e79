/* SPDX-License-Identifier: MIT
 * registry: owns the table of directories and the rows of their commands. A new directory is a row here, three statements and a page in the
 * manual. Promises that `add` and `import` take the same fields, since both read this table. Never does anything by itself. */
#include <assert.h>
#include <string.h>

#include "registry.h"

static const struct registry registries[] = {
	{ "agent", "agent", "agents", TG_SQL_AGENT_PUT, TG_SQL_AGENT_LIST, TG_SQL_AGENT_REMOVE, NULL, {
		{ "id", TG_CTL_TEXT, "ID", NULL, "directory_id", 0 },
		{ "name", TG_CTL_TEXT, "NAME", "--name", NULL, 0 },
		{ "enabled", TG_CTL_BOOL, "ENABLED", "--disabled", NULL, FIELD_NOT },
		{ "created_at", TG_CTL_TIME, "CREATED", NULL, NULL, FIELD_SHOWN } } },
	{ "callback", "callback", "callbacks", TG_SQL_CALLBACK_PUT, TG_SQL_CALLBACK_LIST, TG_SQL_CALLBACK_REMOVE, "is finished, and stays as a record of that", {
		{ "id", TG_CTL_TEXT, "ID", NULL, "directory_id", 0 },
		{ "state", TG_CTL_TEXT, "STATE", NULL, NULL, FIELD_SHOWN },
		{ "contact", TG_CTL_TEXT, "CONTACT", "--contact", "directory_id", 0 },
		{ "phone", TG_CTL_TEXT, "PHONE", "--phone", "phone_number", 0 },
		{ "email", TG_CTL_TEXT, "EMAIL", "--email", "email_address", 0 },
		{ "name", TG_CTL_TEXT, NULL, "--name", NULL, 0 },
		{ "agent", TG_CTL_TEXT, "AGENT", "--agent", "directory_id", 0 },
		{ "attempt_number", TG_CTL_INT, "ATTEMPT", NULL, "callback_attempt", 0 },
		{ "scheduled_at", TG_CTL_TIME, "SCHEDULED", NULL, NULL, 0 },
		{ "finished_at", TG_CTL_TIME, "FINISHED", NULL, NULL, FIELD_IGNORED } } },
	{ "entity", "entity", "entities", TG_SQL_ENTITY_PUT, TG_SQL_ENTITY_LIST, TG_SQL_ENTITY_REMOVE, NULL, {
		{ "name", TG_CTL_TEXT, "NAME", NULL, "task_entity", 0 },
		{ "created_at", TG_CTL_TIME, "CREATED", NULL, NULL, FIELD_SHOWN } } },
	{ "recipient", "recipient", "recipients", TG_SQL_RECIPIENT_PUT, TG_SQL_RECIPIENT_LIST, TG_SQL_RECIPIENT_REMOVE, NULL, {
		{ "id", TG_CTL_TEXT, "ID", NULL, "directory_id", 0 },
		{ "email", TG_CTL_TEXT, "EMAIL", "--email", "email_address", 0 },
		{ "sms", TG_CTL_TEXT, "SMS", "--sms", "phone_number", 0 },
		{ "transcript", TG_CTL_BOOL, "TRANSCRIPT", "--no-transcript", NULL, FIELD_NOT },
		{ "created_at", TG_CTL_TIME, NULL, NULL, NULL, FIELD_SHOWN } } },
	{ "contact", "contact", "contacts", TG_SQL_CONTACT_PUT, TG_SQL_CONTACT_LIST, TG_SQL_CONTACT_REMOVE, NULL, {
		{ "id", TG_CTL_TEXT, "ID", NULL, "directory_id", 0 },
		{ "name", TG_CTL_TEXT, "NAME", "--name", NULL, 0 },
		{ "phone", TG_CTL_TEXT, "PHONE", "--phone", "phone_number", 0 },
		{ "email", TG_CTL_TEXT, "EMAIL", "--email", "email_address", 0 },
		{ "data", TG_CTL_JSON, NULL, "--data", "contact_data", 0 },
		{ "created_at", TG_CTL_TIME, NULL, NULL, NULL, FIELD_SHOWN },
		{ "updated_at", TG_CTL_TIME, "UPDATED", NULL, NULL, FIELD_SHOWN } } },
	{ "disposition", "disposition code", "disposition codes", TG_SQL_DISPOSITION_PUT, TG_SQL_DISPOSITION_LIST, TG_SQL_DISPOSITION_REMOVE, NULL, {
		{ "code", TG_CTL_TEXT, "CODE", NULL, "disposition_code_word", 0 },
		{ "description", TG_CTL_TEXT, "DESCRIPTION", "--description", NULL, 0 },
		{ "created_at", TG_CTL_TIME, NULL, NULL, NULL, FIELD_SHOWN } } },
	{ "template", "email template", "email templates", TG_SQL_TEMPLATE_PUT, TG_SQL_TEMPLATE_LIST, TG_SQL_TEMPLATE_REMOVE,
	  "is built in, since it tells of voicemails: change it with `template add` instead", {
		{ "name", TG_CTL_TEXT, "NAME", NULL, "email_template_name", 0 },
		{ "subject", TG_CTL_TEXT, "SUBJECT", "--subject", "email_template_subject", FIELD_NEEDED },
		{ "text", TG_CTL_TEXT, NULL, "--text", NULL, FIELD_FILE },
		{ "html", TG_CTL_TEXT, NULL, "--html", NULL, FIELD_FILE },
		{ "created_at", TG_CTL_TIME, NULL, NULL, NULL, FIELD_SHOWN },
		{ "updated_at", TG_CTL_TIME, "UPDATED", NULL, NULL, FIELD_SHOWN } } },
	{ "dnc", "number", "numbers", TG_SQL_DNC_PUT, TG_SQL_DNC_LIST, TG_SQL_DNC_REMOVE, NULL, {
		{ "number", TG_CTL_TEXT, "NUMBER", NULL, "phone_number", 0 },
		{ "reason", TG_CTL_TEXT, "REASON", "--reason", NULL, 0 },
		{ "created_at", TG_CTL_TIME, "ADDED", NULL, NULL, FIELD_SHOWN } } },
};

const struct registry *registry_of(const struct tg_ctl *ctl)
{
	const struct registry *r = registries, *end = registries + sizeof registries / sizeof *registries;
	size_t n = strcspn(ctl->command->words, " ");

	while (r < end && (strlen(r->word) != n || strncmp(r->word, ctl->command->words, n) != 0))
		r++;
	assert(r < end);
	return r;
}

#define BY(name) .args = name, .min_args = 1, .max_args = 1, .flags = TG_CTL_DATABASE | TG_CTL_TENANT
#define ALL .args = "", .flags = TG_CTL_DATABASE | TG_CTL_TENANT
#define PHONE { "--phone", "NUMBER", "phone number, as +12025550143" }
#define EMAIL { "--email", "ADDRESS", "email address" }

const struct tg_ctl_command tg_ctl_registry[] = {
	{ .words = "agent add", BY("ID"), .run = registry_add, .help = "make an agent, who finishes callbacks, or change him as a whole",
	  .options = { { "--name", "TEXT", "full name" }, { "--disabled", NULL, "finishes nothing" } } },
	{ .words = "agent list", ALL, .run = registry_list, .help = "list the agents" },
	{ .words = "agent remove", BY("ID"), .run = registry_remove, .help = "forget an agent" },
	{ .words = "agent import", BY("FILE|-"), .run = registry_import, .help = "add all agents of a CSV file, or none" },
	{ .words = "agent export", ALL, .run = registry_export, .help = "print the agents as CSV" },
	{ .words = "callback add", BY("ID"), .run = registry_add, .help = "make a callback, or change it; what is said of the customer goes to its contact",
	  .options = { { "--contact", "ID", "its contact; without it the one that it has, or one of its own id" }, PHONE, EMAIL,
		{ "--name", "TEXT", "the customer's name" }, { "--agent", "ID", "who is meant to call" } } },
	{ .words = "callback list", ALL, .run = registry_list, .help = "list the callbacks" },
	{ .words = "callback remove", BY("ID"), .run = registry_remove, .help = "forget a callback that is not finished, and cancel its call" },
	{ .words = "callback import", BY("FILE|-"), .run = registry_import, .help = "add all callbacks of a CSV file, or none" },
	{ .words = "callback export", ALL, .run = registry_export, .help = "print the callbacks as CSV" },
	{ .words = "entity add", BY("NAME"), .run = registry_add, .help = "register an entity that voicemails may be filed under" },
	{ .words = "entity list", ALL, .run = registry_list, .help = "list the entities of voicemails" },
	{ .words = "entity remove", BY("NAME"), .run = registry_remove, .help = "forget an entity; its voicemails stay" },
	{ .words = "entity import", BY("FILE|-"), .run = registry_import, .help = "add all entities of a CSV file, or none" },
	{ .words = "entity export", ALL, .run = registry_export, .help = "print the entities as CSV" },
	{ .words = "recipient add", BY("ID"), .run = registry_add, .help = "make a recipient, who is told of voicemails, or change him as a whole",
	  .options = { { "--email", "ADDRESS", "told by email" }, { "--sms", "NUMBER", "told by SMS" }, { "--no-transcript", NULL, "no transcript in the email" } } },
	{ .words = "recipient list", ALL, .run = registry_list, .help = "list the recipients of voicemails" },
	{ .words = "recipient remove", BY("ID"), .run = registry_remove, .help = "forget a recipient" },
	{ .words = "recipient import", BY("FILE|-"), .run = registry_import, .help = "add all recipients of a CSV file, or none" },
	{ .words = "recipient export", ALL, .run = registry_export, .help = "print the recipients as CSV" },
	{ .words = "contact add", BY("ID"), .run = registry_add, .help = "make a contact, a customer who is called back, or change him as a whole",
	  .options = { { "--name", "TEXT", "full name" }, PHONE, EMAIL, { "--data", "JSON", "an object: what else is known" } } },
	{ .words = "contact list", ALL, .run = registry_list, .help = "list the contacts" },
	{ .words = "contact show", BY("ID"), .run = registry_show, .help = "print all that is known of a contact" },
	{ .words = "contact remove", BY("ID"), .run = registry_remove, .help = "forget a contact that no callback has" },
	{ .words = "contact import", BY("FILE|-"), .run = registry_import, .help = "add all contacts of a CSV file, or none" },
	{ .words = "contact export", ALL, .run = registry_export, .help = "print the contacts as CSV" },
	{ .words = "disposition add", BY("CODE"), .run = registry_add, .help = "make a disposition code, or change its description",
	  .options = { { "--description", "TEXT", "what it means" } } },
	{ .words = "disposition list", ALL, .run = registry_list, .help = "list the disposition codes" },
	{ .words = "disposition remove", BY("CODE"), .run = registry_remove, .help = "forget a disposition code; callbacks cannot be finished with it any more" },
	{ .words = "disposition import", BY("FILE|-"), .run = registry_import, .help = "add all disposition codes of a CSV file, or none" },
	{ .words = "disposition export", ALL, .run = registry_export, .help = "print the disposition codes as CSV" },
	{ .words = "template add", BY("NAME"), .run = registry_add, .help = "make an email template, or change it as a whole",
	  .options = { { "--subject", "TEXT", "subject, with {{variables}}" }, { "--text", "FILE|-", "file of the plain text" }, { "--html", "FILE|-", "file of the HTML" } } },
	{ .words = "template list", ALL, .run = registry_list, .help = "list the email templates" },
	{ .words = "template show", BY("NAME"), .run = registry_show, .help = "print an email template with its texts" },
	{ .words = "template remove", BY("NAME"), .run = registry_remove, .help = "forget an email template; what was made of it is sent all the same" },
	{ .words = "template import", BY("FILE|-"), .run = registry_import, .help = "add all email templates of a CSV file, or none" },
	{ .words = "template export", ALL, .run = registry_export, .help = "print the email templates as CSV" },
	{ .words = "dnc add", BY("NUMBER"), .run = registry_add, .help = "put a number on the do-not-call list, and cancel the calls that wait for it",
	  .options = { { "--reason", "TEXT", "why" } } },
	{ .words = "dnc list", ALL, .run = registry_list, .help = "list the do-not-call list" },
	{ .words = "dnc remove", BY("NUMBER"), .run = registry_remove, .help = "take a number off the do-not-call list" },
	{ .words = "dnc import", BY("FILE|-"), .run = registry_import, .help = "put all numbers of a CSV file on the do-not-call list, or none" },
	{ .words = "dnc export", ALL, .run = registry_export, .help = "print the do-not-call list as CSV" },
	{ 0 }
};
