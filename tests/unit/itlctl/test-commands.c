/* What the other commands show and do. */
#include "support/support.h"
#include "door.h"
#include "replies.h"
#include "audit/audit.h"
#include "base/file.h"
#include "base/num.h"
#include "itl/itl.h"
#include "itlctl/prompt.h"
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#define SHA_A "00000000000000000000000000000000000000aa"
#define SHA_B "00000000000000000000000000000000000000bb"

#define CERT(unit, node, generation, current) \
	"{\"unit\":\"" unit "\",\"node\":" node ",\"generation\":" generation \
	",\"current\":" current ",\"id\":\"00\",\"bits\":2048,\"subject\":\"CN=x\\u001b[2J\"," \
	"\"issuer\":\"CN=x\",\"serial\":\"4a\",\"not_before\":1393439067,\"not_after\":1551205467," \
	"\"sha1\":\"" SHA_A "\",\"sha256\":\"bb\",\"pem\":\"-----BEGIN\\nMII\\n-----END\\n\"}"

static const struct reply service[] = {
	{"status",
	 {"{\"result\":{\"cluster\":\"test10\",\"policy\":\"callmanager\",\"publisher\":\"n1\","
	  "\"op\":{\"id\":7,\"kind\":\"reset\",\"who\":\"uid 1000\",\"started\":1393439067},"
	  "\"keyd\":{\"token\":\"demo\",\"manufacturer\":\"SoftHSM project\",\"model\":\"SoftHSM v2\","
	  "\"sessions\":4,\"keys\":9,\"password_set\":true,\"audit_entries\":12,\"started\":1393439067},"
	  "\"nodes\":[{\"id\":\"n1\",\"host\":\"test10pub\",\"address\":\"127.0.0.1\",\"publisher\":true,"
	  "\"tftp\":true,\"tvs\":true,\"want\":{\"sha1\":\"" SHA_A "\"},"
	  "\"have\":{\"sha1\":\"" SHA_A "\",\"kind\":\"reset\",\"signer\":\"ITLRecovery/test10/1\",\"made\":1},"
	  "\"have_since\":1393439067,\"error\":null,\"next_try\":null},"
	  "{\"id\":\"n2\",\"host\":\"test10sub-with-a-name-that-is-long\",\"address\":\"127.0.0.2\",\"publisher\":false,"
	  "\"tftp\":true,\"tvs\":true,\"want\":{\"sha1\":\"" SHA_A "\"},"
	  "\"have\":{\"sha1\":\"" SHA_B "\",\"kind\":\"itl\",\"signer\":\"CallManager/n2/1\",\"made\":1},"
	  "\"have_since\":1393439067,\"error\":{\"rc\":\"error\",\"op\":\"fetch\",\"what\":\"tftp://127.0.0.2/ITLFile.tlv\","
	  "\"why\":\"the server does not answer, although it was restarted and everything else seemed to be well with it\","
	  "\"name\":\"ETIMEDOUT\",\"code\":110,\"hint\":\"start it\"},\"next_try\":1393439127}]}}"}},
	{"certs",
	 {"{\"result\":{\"certs\":[" CERT("CallManager", "\"n1\"", "1", "false") ","
	  CERT("CallManager", "\"n1\"", "2", "true") "," CERT("CallManager", "\"n2\"", "1", "true") ","
	  CERT("CAPF", "null", "1", "true") "]}}"}},
	{"services",
	 {"{\"result\":{\"services\":[{\"name\":\"Cisco Tftp\",\"node\":\"test10pub\","
	  "\"state\":\"STARTED\",\"detail\":\"127.0.0.1:69\"}]}}"}},
	{"generate", {"{\"result\":" CERT("CallManager", "\"n1\"", "3", "true") "}"}},
	{"tftp-restart",
	 {"{\"event\":\"transferred\",\"node\":\"n2\",\"host\":\"test10sub\"}",
	  "{\"event\":\"restarting\",\"node\":\"n2\",\"host\":\"test10sub\"}",
	  "{\"event\":\"restarted\",\"node\":\"n2\",\"host\":\"test10sub\"}",
	  "{\"event\":\"verified\",\"node\":\"n2\",\"host\":\"test10sub\"}",
	  "{\"result\":{\"node\":\"n2\",\"sha1\":\"" SHA_B "\",\"kind\":\"itl\",\"built\":true}}"}},
	{"init-plan",
	 {"{\"result\":{\"keys\":[{\"unit\":\"CallManager\",\"node\":\"n1\",\"bits\":2048,\"present\":true},"
	  "{\"unit\":\"TVS\",\"node\":\"n2\",\"bits\":2048,\"present\":false},"
	  "{\"unit\":\"ITLRecovery\",\"node\":null,\"bits\":4096,\"present\":false}],"
	  "\"nodes\":[\"n2\"]}}"}},
	{0},
};

static void status_fits_the_page(void **state)
{
	struct output o;
	char *rest, *line;

	world_open(*state, service);
	o = world_run(*state, "show status");
	assert_int_equal(o.code, 0);
	assert_non_null(strstr(o.out, "demo (SoftHSM project SoftHSM v2), 4 sessions, 9 keys"));
	assert_non_null(strstr(o.out, "reset by uid 1000 since 2014-02-26"));
	assert_non_null(strstr(o.out, "test10pub         * " SHA_A " reset"));
	assert_non_null(strstr(o.out, "test10sub-with-a-n"));
	assert_non_null(strstr(o.out, " failing\n"));
	assert_non_null(strstr(o.out, "shall serve " SHA_A));
	assert_non_null(strstr(o.out, "(ETIMEDOUT); start it"));
	assert_non_null(strstr(o.out, "next try: 2014-02-26"));
	for (line = strtok_r(o.out, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		assert_true(strlen(line) <= 100);
	output_clear(&o);
}

static void certificates_are_found(void **state)
{
	struct output o;

	world_open(*state, service);
	o = world_run(*state, "show cert own callmanager");
	assert_int_equal(o.code, 0);
	assert_non_null(strstr(o.out, "Generation: 2\n"));
	assert_non_null(strstr(o.out, "SHA1 Fingerprint: " SHA_A));
	assert_non_null(strstr(o.out, "-----BEGIN\nMII\n-----END\n"));
	assert_non_null(strstr(o.out, "CN=x?[2J")); /* no escape gets out */
	output_clear(&o);
	o = world_run(*state, "show cert own CAPF --node n2");
	assert_int_equal(o.code, 1);
	output_clear(&o);
	o = world_run(*state, "show cert own CAPF --json");
	assert_non_null(strstr(o.out, "{\"result\":{\"unit\":\"CAPF\""));
	output_clear(&o);
	o = world_run(*state, "show cert list own");
	assert_non_null(strstr(o.out, "CallManager test10pub        1 retired 2048"));
	assert_non_null(strstr(o.out, "CAPF        -                1 current 2048"));
	output_clear(&o);
	o = world_run(*state, "show cert list own --node test10sub");
	assert_null(strstr(o.out, " test10pub "));
	assert_non_null(strstr(o.out, " test10sub "));
	output_clear(&o);
}

static void services_are_listed(void **state)
{
	struct output o;

	world_open(*state, service);
	o = world_run(*state, "utils service list");
	assert_non_null(strstr(o.out, "Cisco Tftp[STARTED] "));
	assert_non_null(strstr(o.out, " test10pub          127.0.0.1:69\n"));
	assert_int_equal(o.code, 0);
	output_clear(&o);
}

static void a_restart_tells_one_node(void **state)
{
	struct output o;
	char *out;

	world_open(*state, service);
	o = world_run(*state, "--node test10sub utils service restart Cisco Tftp --force");
	out = squeezed(o.out);
	assert_string_equal(out, "Restarting Cisco Tftp service on host test10sub "
				 "Cisco Tftp service restarted on host test10sub "
				 "test10sub serves a new list of its own "
				 "SHA-1 of the list: " SHA_B);
	/* There was nothing to override. */
	assert_true(json_is_false(json_object_get(world_request(*state, 0), "force")));
	assert_null(world_request(*state, 1));
	assert_int_equal(keyd_seen.ntickets, 0);
	assert_string_equal(o.err, "");
	free(out);
	output_clear(&o);
}

#define UNFORCED(name) \
	"{\"error\":{\"rc\":\"refused\",\"op\":\"tftp-restart\",\"what\":\"test10sub\"," \
	"\"why\":\"they would be \\\"locked\\\"\",\"name\":\"" name "\",\"code\":0,\"hint\":\"or --force\"}}"
#define RESTARTED \
	"{\"result\":{\"node\":\"n2\",\"sha1\":\"" SHA_B "\",\"kind\":\"itl\",\"built\":true,\"phones\":null}}"

static const struct reply unforced[] = {
	{"tftp-restart", {UNFORCED(FRONT_UNFORCED)}}, {"tftp-restart forced", {RESTARTED}},
	{"init-plan", {"{\"result\":{\"keys\":[],\"nodes\":[\"n2\",\"n1\"],\"foreign\":[]}}"}}, {0}};

/* What is overridden is said, and that alone consented to, for that node. */
static void a_restart_asks_before_it_overrides(void **state)
{
	struct keyd_intent meant = keyd_intent_override(
		"op=tftp-restart node=n2 overrode=\"they would be ?locked?\"");
	char ticket[2 * KEYD_TICKET_LEN + 1];
	struct output o;
	json_t *asked;

	world_open(*state, unforced);
	o = world_run(*state, "--node test10sub utils service restart Cisco Tftp");
	assert_int_equal(o.code, 3);
	assert_non_null(strstr(o.err, "they would be"));
	assert_null(world_request(*state, 1));
	output_clear(&o);

	o = world_run(*state, "--node test10sub utils service restart Cisco Tftp --force");
	assert_int_equal(o.code, 0);
	assert_string_equal(o.err, "itlctl: warning: --force overrides: "
				   "they would be \"locked\" (or --force)\n");
	assert_int_equal(keyd_seen.ntickets, 1);
	assert_int_equal(keyd_seen.tickets[0].op, KEYD_OP_OVERRIDE);
	assert_memory_equal(keyd_seen.tickets[0].params, meant.params, sizeof meant.params);
	assert_true(json_is_false(json_object_get(world_request(*state, 1), "force")));
	assert_null(json_object_get(world_request(*state, 1), "ticket"));
	asked = world_request(*state, 2);
	assert_true(json_is_true(json_object_get(asked, "force")));
	memset(ticket, 0, sizeof ticket);
	for (size_t i = 0; i < KEYD_TICKET_LEN; i++)
		memcpy(ticket + 2 * i, "01", 2);
	assert_string_equal(json_string_value(json_object_get(asked, "ticket")), ticket);
	output_clear(&o);
}

static void what_force_does_not_override_stays_refused(void **state)
{
	static const struct reply refused[] = {
		{"tftp-restart", {UNFORCED("")}}, {"tftp-restart forced", {RESTARTED}}, {0}};
	struct output o;

	world_open(*state, refused);
	o = world_run(*state, "--node test10sub utils service restart Cisco Tftp --force");
	assert_int_equal(o.code, 3);
	assert_null(strstr(o.err, "overrides"));
	assert_null(world_request(*state, 1));
	assert_int_equal(keyd_seen.ntickets, 0);
	output_clear(&o);
}

/* The password is asked for once, for all nodes that need it. */
static void init_asks_before_it_overrides(void **state)
{
	static const char *const answers[] = {PASSWORD, NULL};
	struct output o;

	world_open(*state, unforced);
	o = world_talk(*state, "cluster init --force", answers);
	assert_int_equal(o.code, 0);
	assert_int_equal(keyd_seen.ntickets, 2);
	assert_memory_not_equal(keyd_seen.tickets[0].params, keyd_seen.tickets[1].params, 32);
	assert_true(json_is_true(json_object_get(world_request(*state, 2), "force")));
	assert_true(json_is_true(json_object_get(world_request(*state, 4), "force")));
	output_clear(&o);
}

/* Phones hold what is served: new keys alone would lock them. */
static void init_does_not_lock_phones_out(void **state)
{
	static const struct reply foreign[] = {
		{"init-plan", {"{\"result\":{\"keys\":[],\"nodes\":[],\"foreign\":[\"test10sub\"]}}"}}, {0}};
	struct output o;

	world_open(*state, foreign);
	o = world_run(*state, "cluster init");
	assert_int_equal(o.code, 3);
	assert_non_null(strstr(o.err, "test10sub: it serves a list that no key of this token signed"));
	assert_non_null(strstr(o.err, "--restore VAULT"));
	output_clear(&o);
	o = world_run(*state, "cluster init --force");
	assert_int_equal(o.code, 0);
	output_clear(&o);
}

static void init_makes_what_is_missing(void **state)
{
	struct keyd_intent meant = keyd_intent_generate(UNIT_ITLRECOVERY, NULL);
	struct output o;
	char *out;

	keyd_seen.password_set = false;
	world_open(*state, service);
	o = world_run(*state, "cluster init");
	out = squeezed(o.out);
	assert_string_equal(
		out, "The administrator password is set. "
		     "[1/2] TVS test10sub: RSA-2048 ... done "
		     "[2/2] ITLRecovery test10: RSA-4096 ... done "
		     "Restarting Cisco Tftp service on host test10sub "
		     "Cisco Tftp service restarted on host test10sub "
		     "test10sub serves its first list: SHA-1 " SHA_B " "
		     "The cluster test10 is ready: 2 keys made, 1 lists published.");
	assert_string_equal(keyd_seen.new_password, PASSWORD);
	assert_false(keyd_seen.with_old);
	assert_int_equal(keyd_seen.ntickets, 2);
	assert_memory_equal(keyd_seen.tickets[1].params, meant.params, sizeof meant.params);
	free(out);
	output_clear(&o);
}

static void init_again_has_nothing_to_do(void **state)
{
	static const struct reply done[] = {
		{"init-plan", {"{\"result\":{\"keys\":[{\"unit\":\"TVS\",\"node\":\"n2\","
			       "\"bits\":2048,\"present\":true}],\"nodes\":[]}}"}},
		{0}};
	struct output o;

	world_open(*state, done);
	o = world_run(*state, "cluster init");
	assert_non_null(strstr(o.out, "Nothing to do"));
	output_clear(&o);
	o = world_run(*state, "cluster init --json");
	assert_string_equal(o.out, "{\"result\":{\"password_set\":false,\"security_set\":false,"
			    "\"adopted\":[],\"generated\":[],\"restarted\":[],\"restored\":null,\"reset\":null,"
			    "\"seconds\":null}}\n");
	assert_int_equal(keyd_seen.ntickets, 0);
	output_clear(&o);
}

static void a_password_file_must_be_private(void **state)
{
	struct world *w = *state;
	char path[512], line[1200];
	struct output o;

	(void)snprintf(path, sizeof path, "%s/password", w->dir);
	(void)snprintf(line, sizeof line,
		       "set password user admin --new-password-file %s/wrong", w->dir);
	static const mode_t modes[] = {0400, 0600, 0640, 0604, 0620, 0644};

	for (size_t i = 0; i < COUNT_OF(modes); i++) {
		bool private = (modes[i] & 077) == 0;

		keyd_seen.new_password[0] = '\0';
		assert_int_equal(chmod(path, modes[i]), 0);
		o = world_run(w, line);
		print_message("  %o: %s", modes[i], private ? o.out : o.err);
		assert_int_equal(o.code, private ? 0 : 1);
		assert_string_equal(keyd_seen.new_password, private ? "wrong" : "");
		output_clear(&o);
	}
}

/* ---- lists ---- */

static char *data_path(struct world *w, const char *name)
{
	static char path[512];
	uint8_t *bytes;
	struct err e;
	size_t n;

	bytes = support_data("cucm10-CTLFile.tlv", &n);
	assert_ok(file_path(path, sizeof path, w->dir, name, &e), &e);
	if (!strcmp(name, "bent"))
		bytes[n - 1] ^= 1;
	if (!strcmp(name, "cut"))
		n -= 1;
	assert_ok(file_replace(path, bytes_of(bytes, n), 0644, &e), &e);
	free(bytes);
	return path;
}

static const struct {
	const char *line; /* %s: the sample's path */
	const char *file;
	int code;
	const char *out, *err;
} files[] = {
	{"show itl %s", "whole", 0, "verified successfully", ""},
	{"file show %s", "whole", 0, "verified successfully", ""},
	{"file show %s", "bent", 5, "Parse ", ""},
	{"file show %s", "cut", 5, "", "cut"},
	{"file show %s/none", "whole", 1, "", "none"},
	{"show itl %s.none", "whole", 1, "File not found", ""},
	{"file show %s --json", "whole", 0, "\"kind\":\"CTL\"", ""},
	{"file show %s --json", "bent", 5, "\"verified\":false", ""},
	{"file verify %s", "whole", 0, "verified", ""},
	{"file verify %s", "bent", 5, "", "bent"},
	{"file verify %1$s %1$s", "whole", 0, "verified", ""},
	{"file verify %1$s /etc/passwd", "whole", 2, "", "/etc/passwd"},
	{"file diff %1$s %1$s", "whole", 0, "", ""},
	{"file diff %1$s %1$s --json", "whole", 0, "\"same\":true", ""},
	{"file accept %s", "whole", 0, "accepted", ""},
	{"file accept --ctl %1$s %1$s --json", "whole", 0, "\"verdict\":\"by-ctl\"", ""},
	{"file accept --itl %1$s %1$s", "bent", 5, "rejected", ""},
};

static void files_need_no_service(void **state)
{
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		char line[1200];
		struct output o;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		(void)snprintf(line, sizeof line, files[i].line,
			       data_path(*state, files[i].file));
#pragma GCC diagnostic pop
		print_message("  %s\n", line);
		o = world_run(*state, line);
		assert_int_equal(o.code, files[i].code);
		assert_non_null(strstr(o.out, files[i].out));
		assert_non_null(strstr(o.err, files[i].err));
		output_clear(&o);
	}
}

static void a_difference_is_told(void **state)
{
	struct world *w = *state;
	struct output o;
	char line[1200];

	(void)data_path(w, "whole");
	(void)data_path(w, "bent");
	(void)snprintf(line, sizeof line, "file diff %s/whole %s/bent", w->dir, w->dir);
	o = world_run(w, line);
	assert_int_equal(o.code, 1);
	assert_non_null(strstr(o.out, "- "));
	assert_string_equal(o.err, "");
	output_clear(&o);
}

static void the_audit_log_is_verified(void **state)
{
	struct world *w = *state;
	char log[4 * AUDIT_LINE_MAX], path[512], line[600];
	struct audit_entry entry = {.time = 1393439067, .who = "admin",
				    .event = "reset", .rc = "ok"};
	struct audit_chain chain;
	struct output o;
	struct err e;
	size_t n = 0;

	audit_chain_start(&chain);
	for (int i = 0; i < 3; i++)
		n += audit_format(&chain, &entry, log + n);
	assert_ok(file_path(path, sizeof path, w->dir, "state/keyd", &e), &e);
	assert_ok(file_make_dir(path, 0755, (uid_t)-1, (gid_t)-1, &e), &e);
	assert_ok(file_path(path, sizeof path, w->dir, "state/keyd/audit.log", &e), &e);
	assert_ok(file_replace(path, bytes_of(log, n), 0644, &e), &e);
	o = world_run(w, "audit verify"); /* the cluster's own */
	assert_int_equal(o.code, 0);
	assert_non_null(strstr(o.out, "3 entries, the chain is whole"));
	output_clear(&o);
	o = world_run(w, "audit verify --json");
	assert_non_null(strstr(o.out, "\"verified\":true,\"entries\":3,\"first\":1,\"last\":3,\"first_time\":1393439067"));
	output_clear(&o);
	*strstr(log, "admin") = 'A';
	assert_ok(file_replace(path, bytes_of(log, n), 0644, &e), &e);
	(void)snprintf(line, sizeof line, "audit verify %s", path);
	o = world_run(w, line);
	assert_int_equal(o.code, 5);
	assert_string_equal(o.out, "");
	assert_non_null(strstr(o.err, "audit.log"));
	output_clear(&o);
}

static void the_served_list_is_shown(void **state)
{
	static char answer[16384];
	struct reply list[] = {{"list", {answer}}, {0}};
	char base64[12000];
	struct output o;
	uint8_t *bytes;
	json_t *all, *j;
	size_t n;

	bytes = support_data("cucm10-CTLFile.tlv", &n);
	sodium_bin2base64(base64, sizeof base64, bytes, n, sodium_base64_VARIANT_ORIGINAL);
	(void)snprintf(answer, sizeof answer,
		       "{\"result\":{\"node\":\"n1\",\"kind\":\"itl\",\"since\":1393439067,\"bytes\":\"%s\"}}",
		       base64);
	world_open(*state, list);
	o = world_run(*state, "show itl test10sub --json");
	assert_int_equal(o.code, 0);
	assert_string_equal(json_string_value(json_object_get(world_request(*state, 0), "node")), "n2");
	all = json_loads(o.out, 0, NULL);
	j = json_object_get(all, "result");
	assert_int_equal(json_integer_value(json_object_get(j, "length")), n);
	assert_int_equal(json_array_size(json_object_get(j, "records")), 6);
	assert_true(json_is_true(json_object_get(j, "verified")));
	assert_string_equal(json_string_value(json_object_get(j, "node")), "test10sub");
	json_decref(all);
	output_clear(&o);
	free(bytes);
}

static void no_list_is_no_list(void **state)
{
	static const struct reply none[] = {
		{"list", {"{\"error\":{\"rc\":\"not-found\",\"op\":\"list\",\"what\":\"n1\","
			  "\"why\":\"nothing\",\"name\":\"\",\"code\":0,\"hint\":\"\"}}"}},
		{0}};
	struct output o;

	world_open(*state, none);
	o = world_run(*state, "show itl");
	assert_int_equal(o.code, 1);
	assert_non_null(strstr(o.out, "ITL File not found."));
	assert_string_equal(o.err, "");
	output_clear(&o);
}

/* ---- lines from a pipe ---- */

static const struct {
	const char *lines;
	int code;
	size_t asked; /* requests at the door */
	const char *out;
} scripts[] = {
	{"", 0, 0, ""},
	{"# a remark\n\n  # another\nutils service list\n", 0, 1, "Cisco Tftp[STARTED]"},
	{"node test10sub\nshow cert list own\n", 0, 1, " test10sub "},
	{"utils service list\nexit\nutils service list\n", 0, 1, "STARTED"},
	{"show ilt\nutils service list\n", 2, 0, ""},
	{"node nowhere\nutils service list\n", 1, 0, ""},
	{"utils service list", 0, 1, "STARTED"},
	{"help show\n", 0, 0, "show cert own UNIT"},
};

static void scripts_end_at_the_first_failure(void **state)
{
	struct world *w = *state;

	world_open(w, service);
	for (size_t i = 0; i < COUNT_OF(scripts); i++) {
		struct output o = {0};
		size_t nout, nerr, n = strlen(scripts[i].lines);
		struct session s = {.out = open_memstream(&o.out, &nout),
				    .err = open_memstream(&o.err, &nerr)};
		FILE *in = n ? fmemopen((void *)(uintptr_t)scripts[i].lines, n, "r")
			     : fopen("/dev/null", "r");

		json_array_clear(w->requests);
		s.opt.value[OPT_CONFIG] = w->dir;
		assert_int_equal(prompt_script(&s, in), scripts[i].code);
		(void)fclose(in);
		(void)fclose(s.out);
		(void)fclose(s.err);
		assert_int_equal(json_array_size(w->requests), scripts[i].asked);
		assert_non_null(strstr(o.out, scripts[i].out));
		if (scripts[i].asked && strstr(scripts[i].lines, "node test10sub"))
			assert_null(strstr(o.out, " test10pub "));
		output_clear(&o);
	}
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		IN_WORLD(status_fits_the_page),
		IN_WORLD(certificates_are_found),
		IN_WORLD(services_are_listed),
		IN_WORLD(a_restart_tells_one_node),
		IN_WORLD(a_restart_asks_before_it_overrides),
		IN_WORLD(what_force_does_not_override_stays_refused),
		IN_WORLD(init_asks_before_it_overrides),
		IN_WORLD(init_does_not_lock_phones_out),
		IN_WORLD(init_makes_what_is_missing),
		IN_WORLD(init_again_has_nothing_to_do),
		IN_WORLD(a_password_file_must_be_private),
		IN_WORLD(files_need_no_service),
		IN_WORLD(a_difference_is_told),
		IN_WORLD(the_audit_log_is_verified),
		IN_WORLD(the_served_list_is_shown),
		IN_WORLD(no_list_is_no_list),
		IN_WORLD(scripts_end_at_the_first_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
