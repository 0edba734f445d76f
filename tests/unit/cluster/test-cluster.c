#include "support/manual.h"
#include "support/support.h"
#include "base/file.h"
#include "base/num.h"
#include "cluster/cluster.h"
#include "cluster/label.h"
#include "tables.h"
#include <stdio.h>
#include <string.h>

/* The smallest file, with the names of the specification's transcripts. */
#define REMOTE(folder, more)                                                   \
	"[node n1]\nhost = test10pub\naddress = ::1\nfolder = " folder "\n" more
#define REMOTE_2(folder)                                                       \
	"[node n2]\nhost = test10sub\naddress = ::1\nfolder = " folder "\n" LOGIN
#define LOGIN "identity = /k\n"
#define HEAD "[cluster]\nname = test10\npublisher = n1\n"
#define N1                                                                     \
	"[node n1]\nhost = test10pub\naddress = 127.0.0.1\nfolder = /srv/1\n"  \
	"restart = true\n"
#define N2                                                                     \
	"[node n2]\nhost = test10sub\naddress = 127.0.0.2\nfolder = /srv/2\n"  \
	"restart = true\n"

static enum rc read_text_as(const char *text, struct cluster **c, struct err *e)
{
	char *dir = support_tmpdir(), path[4096];
	enum rc rc;

	assert_ok(file_path(path, sizeof path, dir, "cluster.conf", e), e);
	assert_ok(file_replace(path, bytes_of_text(text), 0644, e), e);
	rc = cluster_read(dir, c, e);
	support_tmpdir_remove(dir);
	return rc;
}

static void smallest_file_and_defaults(void **state)
{
	struct cluster CLEANUP(cluster_free) *c = NULL;
	char text[CLUSTER_PATH_MAX];
	struct err e;

	(void)state;
	assert_ok(read_text_as(HEAD N1, &c, &e), &e);
	assert_string_equal(c->name, "test10");
	assert_int_equal(c->policy, POLICY_CALLMANAGER);
	assert_string_equal(c->domain, "");
	assert_string_equal(c->recovery_host, "test10pub");
	assert_null(c->org);
	assert_int_equal(c->key_bits, 2048);
	assert_int_equal(c->cert_hash, CLUSTER_SHA256);
	assert_int_equal(c->list_hash, CLUSTER_SHA1);
	assert_string_equal(c->keyd_user, "itlkeeper-keyd");
	assert_int_equal(c->nnodes, 1);
	assert_true(c->nodes[0].tftp && c->nodes[0].tvs);
	assert_int_equal(c->nodes[0].tftp_port, 69);
	cluster_path(c, PATH_KEYD_SOCKET, text);
	assert_string_equal(text, "/run/itlkeeper/keyd/keyd.sock");
	cluster_path(c, PATH_RESTARTED, text);
	assert_string_equal(text, "/run/itlkeeper/restarted");
	cluster_path(c, PATH_STATE_DB, text);
	assert_string_equal(text, "/var/lib/itlkeeper/front/state.db");
}

static void every_key_reaches_its_place(void **state)
{
	struct cluster CLEANUP(cluster_free) *c = NULL;
	struct err e;

	(void)state;
	assert_ok(read_text_as(
		"[cluster]\nname=a_B-1\npublisher=n2\npolicy=itlrecovery\ndomain=joemar2.lab\n"
		"recovery-host=test10.joemar2.lab\norg-unit=tac\norg=cisco\nlocality=rtp\n"
		"state=nc\ncountry=US\nkey-bits=1024\ncapf-bits=3072\nrecovery-bits=4096\n"
		"cert-hash=sha1\nlist-hash=sha512\ncert-years=7\nrecovery-years=15\nrun=/r\n"
		"state-dir=/s\nkeyd-user=k\nfront-user=f\ntvs-user=t\ngroup=g\nput-seconds=1\n"
		"restart-seconds=2\nfetch-seconds=3\nphone-reset=reset all\n"
		"phone-reset-seconds=4\nkeep-days=5\n" N1
		"tvs-bits=2048\ntftp-port=6969\nhttp-port=6970\n" N2
		"tvs=no\ncallmanager-bits=2048\n", &c, &e), &e);
	assert_string_equal(c->name, "a_B-1");
	assert_int_equal(c->policy, POLICY_ITLRECOVERY);
	assert_string_equal(c->recovery_host, "test10.joemar2.lab");
	assert_string_equal(c->org_unit, "tac");
	assert_string_equal(c->org, "cisco");
	assert_string_equal(c->locality, "rtp");
	assert_string_equal(c->state, "nc");
	assert_string_equal(c->country, "US");
	assert_int_equal(c->cert_hash, CLUSTER_SHA1);
	assert_int_equal(c->list_hash, CLUSTER_SHA512);
	assert_int_equal(c->cert_years, 7);
	assert_int_equal(c->recovery_years, 15);
	assert_string_equal(c->run, "/r");
	assert_string_equal(c->state_dir, "/s");
	assert_string_equal(c->keyd_user, "k");
	assert_string_equal(c->front_user, "f");
	assert_string_equal(c->tvs_user, "t");
	assert_string_equal(c->group, "g");
	assert_int_equal(c->put_seconds, 1);
	assert_int_equal(c->restart_seconds, 2);
	assert_int_equal(c->fetch_seconds, 3);
	assert_string_equal(c->phone_reset, "reset all");
	assert_int_equal(c->phone_reset_seconds, 4);
	assert_int_equal(c->keep_days, 5);
	assert_int_equal(c->nodes[0].tftp_port, 6969);
	assert_int_equal(c->nodes[0].http_port, 6970);
	assert_string_equal(c->nodes[0].folder, "/srv/1");
	assert_string_equal(c->nodes[0].restart, "true");
	assert_false(c->nodes[1].tvs);
	assert_int_equal(cluster_key_bits(c, UNIT_CALLMANAGER, &c->nodes[0]), 1024);
	assert_int_equal(cluster_key_bits(c, UNIT_CALLMANAGER, &c->nodes[1]), 2048);
	assert_int_equal(cluster_key_bits(c, UNIT_TVS, &c->nodes[0]), 2048);
	assert_int_equal(cluster_key_bits(c, UNIT_TVS, &c->nodes[1]), 1024);
	assert_int_equal(cluster_key_bits(c, UNIT_CAPF, NULL), 3072);
	assert_int_equal(cluster_key_bits(c, UNIT_ITLRECOVERY, NULL), 4096);
	assert_int_equal(cluster_key_bits(c, UNIT_AUDIT, NULL), 2048);
}

static void refuses_with_file_and_line(void **state)
{
	static const struct {
		const char *text;
		int line; /* 0: the message names no key of the file */
		const char *why;
	} rows[] = {
		{N1, 0, "the section is missing"},
		{HEAD, 3, "no [node] has this identifier"},
		{HEAD N2, 3, "no [node] has this identifier"},
		{HEAD N1 "tftp=no\n", 3, "the publisher must serve lists"},
		{HEAD "nmae = x\n" N1, 4, "unknown key"},
		{HEAD "[nodes n1]\nhost = x\n", 5, "unknown section"},
		{HEAD "org = a\norg = b\n" N1, 5, "twice"},
		{HEAD "key-bits = 3072\n" N1, 4, "must be 1024, 2048 or 4096"},
		{HEAD "recovery-bits = 3072\n" N1, 4, "must be 1024, 2048 or 4096"},
		{HEAD "capf-bits = 3071\n" N1, 4, "3072"},
		{HEAD "recovery-years = 6\n" N1, 4, "5, 10, 15 or 20"},
		{HEAD "country = USA\n" N1, 4, "two letters"},
		{HEAD "org = a;b\n" N1, 4, "without ';'"},
		{HEAD "domain = joemar2/lab\n" N1, 4, "no domain"},
		{HEAD "run = run\n" N1, 4, "absolute"},
		{HEAD "group = ../x\n" N1, 4, "no name of a user"},
		{HEAD "recovery-host = "
		      "h23456789012345678901234567890123456789012345678901234\n" N1,
		 4, "at most 52"},
		{HEAD "domain = "
		      "d2345678901234567890123456789012345678901234567890\n"
		      "recovery-host = x\n" N1 "[node n2]\nhost = test10sub567890\n"
		      "address = ::1\nfolder=/b\nrestart=x\n",
		 12, "too long for a common name"},
		{HEAD N1 "callmanager-bits = 3072\n", 9, "must be 1024"},
		{HEAD N1 "tvs-bits = 512\n", 9, "3072"},
		{HEAD N1 "[node n2]\nhost = TEST10PUB\naddress = ::1\nfolder=/b\n"
			 "restart=x\n",
		 10, "another node has this name"},
		{HEAD N1 "[node n2]\nhost = N1\naddress = ::1\nfolder=/b\n"
			 "restart=x\n",
		 10, "another node has this name"},
		{HEAD N1 "[node N1]\nhost = other\naddress = ::1\nfolder=/b\n"
			 "restart=x\n",
		 10, "differs in case alone"},
		{HEAD N1 "[node n2]\nhost = x\naddress = ::1\nfolder = /srv/1\n"
			 "restart=x\n",
		 12, "another node has this folder"},
		{HEAD N1 "[node n2]\nhost = x\naddress = ::1\nrestart=x\n", 10,
		 "a node that serves lists needs it"},
		{HEAD N1 "[node n2]\nhost = x\naddress = ::1\nfolder=/b\n", 10,
		 "a node that serves lists needs it"},
		{HEAD N1 "[node n2]\nhost = x\naddress = a b\nfolder=/b\nrestart=x\n",
		 11, "no address"},
		{HEAD N1 "[node ../n]\nhost = x\n", 10, "a node's identifier"},
		{HEAD N1 "[node n2]\nhost = x\n", 10, "missing in this section"},
		{"[cluster]\nname = a/b\npublisher = n1\n" N1, 2, "1 to 32"},
		{HEAD N1 "identity = /k\n", 9, "sftp:// alone"},
		{HEAD N1 "known-hosts = /k\n", 9, "sftp:// alone"},
		{HEAD N1 "agent = /k\n", 9, "sftp:// alone"},
		{HEAD REMOTE("srv/tftp", ""), 7, "absolute path, or sftp://"},
		{HEAD REMOTE("sftp://u@h/", ""), 7, "a login needs identity"},
		{HEAD REMOTE("sftp://u@h/", LOGIN) REMOTE_2("sftp://v@H:22/"), 12,
		 "another node has this folder"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct cluster *c = NULL;
		struct err e = {0};
		char at[40];

		print_message("row %zu: %s\n", i, rows[i].why);
		assert_int_equal(read_text_as(rows[i].text, &c, &e), RC_USAGE);
		assert_null(c);
		assert_non_null(strstr(e.why, rows[i].why));
		(void)snprintf(at, sizeof at, rows[i].line ? "cluster.conf:%d:" : "cluster.conf: ",
			       rows[i].line);
		if (!strstr(e.what, at))
			fail_msg("%s instead of %s", e.what, at);
	}
}

static void folders_of_ssh_servers(void **state)
{
	static const struct {
		const char *folder, *user, *host; /* NULL: refused */
		unsigned port;
		const char *path;
	} rows[] = {
		{"sftp://u@h/", "u", "h", 22, "/"},
		{"sftp://a.b_c-1@tftp2.example.net:2222/srv/tftp-1/a_b.c", "a.b_c-1",
		 "tftp2.example.net", 2222, "/srv/tftp-1/a_b.c"},
		{"sftp://u@192.0.2.1:65535/d", "u", "192.0.2.1", 65535, "/d"},
		{"sftp://u@[2001:db8::1]:23/..d", "u", "2001:db8::1", 23, "/..d"},
		{.folder = "sftp://u@h"}, {.folder = "sftp://h/d"},
		{.folder = "sftp://@h/d"}, {.folder = "sftp://u@/d"},
		{.folder = "sftp://u:secret@h/d"}, {.folder = "sftp://-u@h/d"},
		{.folder = "sftp://u@-h/d"}, {.folder = "sftp://u@.h/d"},
		{.folder = "sftp://u@h:/d"}, {.folder = "sftp://u@h:0/d"},
		{.folder = "sftp://u@h:65536/d"}, {.folder = "sftp://u@h:22x/d"},
		{.folder = "sftp://u@[::1/d"}, {.folder = "sftp://u@[1.2.3.4]/d"},
		{.folder = "sftp://u@h/a b"}, {.folder = "sftp://u@h/a$b"},
		{.folder = "sftp://u@h/a'b"}, {.folder = "sftp://u@h/a%20b"},
		{.folder = "sftp://u@h/~/b"}, {.folder = "sftp://u@h/a;b"},
		{.folder = "sftp://u@h/\xc3\xa4"}, {.folder = "sftp://u@h//a"},
		{.folder = "sftp://u@h/a/"}, {.folder = "sftp://u@h/a/../b"},
		{.folder = "sftp://u@h/./a"}, {.folder = "sftp://u@h/a/.."},
		{.folder = "sftp:///d"}, {.folder = "scp://u@h/d"},
		{.folder = "sftp://u@h/d@e"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct cluster CLEANUP(cluster_free) *c = NULL;
		const struct cluster_node *n;
		struct err e = {0};
		char text[600];

		print_message("%s\n", rows[i].folder);
		snprintf(text, sizeof text, HEAD REMOTE("%s", LOGIN), rows[i].folder);
		if (!rows[i].user) {
			assert_int_equal(read_text_as(text, &c, &e), RC_USAGE);
			assert_non_null(strstr(e.what, "cluster.conf:7: folder"));
			assert_null(strstr(e.what, "secret"));
			continue;
		}
		assert_ok(read_text_as(text, &c, &e), &e);
		n = &c->nodes[0];
		assert_true(n->remote);
		assert_string_equal(n->ssh.user, rows[i].user);
		assert_string_equal(n->ssh.host, rows[i].host);
		assert_int_equal(n->ssh.port, rows[i].port);
		assert_string_equal(n->ssh.path, rows[i].path);
		assert_string_equal(n->identity, "/k");
		assert_non_null(strstr(n->known_hosts, "/known_hosts"));
		assert_int_equal(n->known_hosts[0], '/');
		assert_null(n->restart);
	}
}

static void too_many_nodes(void **state)
{
	char text[16384];
	size_t n = (size_t)snprintf(text, sizeof text, HEAD);
	struct cluster *c = NULL;
	struct err e;

	(void)state;
	for (unsigned i = 1; i <= CLUSTER_MAX_NODES + 1; i++)
		n += (size_t)snprintf(text + n, sizeof text - n,
				      "[node n%u]\nhost=h%u\naddress=::1\n"
				      "folder=/%u\nrestart=x\n", i, i, i);
	assert_int_equal(read_text_as(text, &c, &e), RC_USAGE);
	assert_non_null(strstr(e.why, "too many nodes"));
	strstr(text, "[node n65]")[0] = '\0';
	assert_ok(read_text_as(text, &c, &e), &e);
	assert_int_equal(c->nnodes, CLUSTER_MAX_NODES);
	cluster_free(c);
}

static void no_file(void **state)
{
	struct cluster *c = NULL;
	struct err e;

	(void)state;
	assert_int_equal(cluster_read("/nonexistent", &c, &e), RC_NOTFOUND);
	assert_non_null(strstr(e.what, "/nonexistent/cluster.conf"));
	assert_non_null(strstr(e.hint, "--config"));
}

static void nodes_by_name_and_in_order(void **state)
{
	struct cluster CLEANUP(cluster_free) *c = NULL;
	const struct cluster_node *n = NULL;
	struct err e;

	(void)state;
	assert_ok(read_text_as("[cluster]\nname=x\npublisher=n2\n"
			       "domain = joemar2.lab\n" N1 N2
			       "[node n3]\nhost=third\naddress=::1\ntftp=no\n",
			       &c, &e), &e);
	assert_string_equal(cluster_publisher(c)->id, "n2");
	assert_string_equal(cluster_node_at(c, 0)->id, "n2");
	assert_string_equal(cluster_node_at(c, 1)->id, "n1");
	assert_string_equal(cluster_node_at(c, 2)->id, "n3");
	assert_null(cluster_node_at(c, 3));
	assert_ok(cluster_find_node(c, "TEST10SUB", &n, &e), &e);
	assert_string_equal(n->id, "n2");
	assert_ok(cluster_find_node(c, "n3", &n, &e), &e);
	assert_string_equal(n->host, "third");
	assert_int_equal(cluster_find_node(c, "n4", &n, &e), RC_NOTFOUND);
	assert_string_equal(n->host, "third");
	assert_string_equal(e.why, "no such node; there are test10sub (n2), "
				   "test10pub (n1), third (n3)");
}

static void common_names(void **state)
{
	struct cluster CLEANUP(cluster_free) *c = NULL;
	char cn[CLUSTER_CN_MAX + 1];
	struct err e;

	(void)state;
	assert_ok(read_text_as("[cluster]\nname=t\npublisher=n1\ndomain=joemar2.lab\n"
			       "recovery-host=test10.joemar2.lab\n" N1 N2, &c, &e), &e);
	assert_ok(cluster_common_name(c, UNIT_TVS, &c->nodes[1], NULL, cn, &e), &e);
	assert_string_equal(cn, "test10sub.joemar2.lab");
	assert_ok(cluster_common_name(c, UNIT_CAPF, NULL, "75638ad9", cn, &e), &e);
	assert_string_equal(cn, "CAPF-75638ad9");
	assert_ok(cluster_common_name(c, UNIT_ITLRECOVERY, NULL, NULL, cn, &e), &e);
	assert_string_equal(cn, "ITLRECOVERY_test10.joemar2.lab");
	assert_ok(cluster_common_name(c, UNIT_AUDIT, NULL, NULL, cn, &e), &e);
	assert_string_equal(cn, "AUDIT_t");
	assert_ptr_equal(cluster_node_by_id(c, c->nodes[1].id), &c->nodes[1]);
	assert_null(cluster_node_by_id(c, c->nodes[1].host)); /* an id alone */
}

static void labels(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} rows[] = {
		{"CallManager/n1/3", true},
		{"TVS/n-2_x/1", true},
		{"ITLRecovery/test10/999999999", true},
		{"Audit/test10/1", true},
		{"CAPF/a2345678901234567890123456789012/1", true},
		{"CAPF/a23456789012345678901234567890123/1", false},
		{"callmanager/n1/3", false},
		{"CallManager/n1/03", false},
		{"CallManager/n1/0", false},
		{"CallManager/n1/", false},
		{"CallManager/n1/1000000000", false},
		{"CallManager/n1/-1", false},
		{"CallManager/n1/3 ", false},
		{"CallManager/n1/3/4", false},
		{"CallManager//3", false},
		{"CallManager/n 1/3", false},
		{"CallManager/n1", false},
		{"CallManager", false},
		{"/n1/1", false},
		{"", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct label l = {.generation = 77};
		char back[LABEL_MAX];

		print_message("\"%s\"\n", rows[i].text);
		assert_int_equal(label_read(rows[i].text, strlen(rows[i].text), &l),
				 rows[i].ok);
		if (!rows[i].ok) {
			assert_int_equal(l.generation, 77);
			continue;
		}
		label_text(&l, back);
		assert_string_equal(back, rows[i].text);
	}
}

static void units(void **state)
{
	enum unit u = UNIT_COUNT;
	struct err e;

	(void)state;
	assert_ok(unit_from_name("callmanager", &u, &e), &e);
	assert_int_equal(u, UNIT_CALLMANAGER);
	assert_int_equal(unit_from_name("ipsec", &u, &e), RC_USAGE);
	assert_int_equal(u, UNIT_CALLMANAGER);
	assert_true(unit_is_of_node(UNIT_TVS));
	assert_false(unit_is_of_node(UNIT_ITLRECOVERY));
	assert_string_equal(unit_name(UNIT_AUDIT), "Audit");
}

static void man_page_has_every_key(void **state)
{
	uint8_t CLEANUP_FREE *page = NULL;
	struct err e;
	size_t n;

	(void)state;
	assert_ok(file_read(MAN_PAGE, 1 << 20, &page, &n, &e), &e);
	manual_has_keys((char *)page, "\n.Ss Section [cluster]",
			"\n.Ss Section [node", cluster_rows);
	manual_has_keys((char *)page, "\n.Ss Section [node", "\n.Sh FILES",
			cluster_node_rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(smallest_file_and_defaults),
		cmocka_unit_test(every_key_reaches_its_place),
		cmocka_unit_test(refuses_with_file_and_line),
		cmocka_unit_test(folders_of_ssh_servers),
		cmocka_unit_test(too_many_nodes),
		cmocka_unit_test(no_file),
		cmocka_unit_test(nodes_by_name_and_in_order),
		cmocka_unit_test(common_names),
		cmocka_unit_test(labels),
		cmocka_unit_test(units),
		cmocka_unit_test(man_page_has_every_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
