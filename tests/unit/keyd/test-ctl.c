/* What a CTL holds, from a ring without a token: the certificates are a real
 * one's. */
#include "support/support.h"
#include "base/num.h"
#include "ctl.h"
#include <string.h>

#define SAMPLE_ROLES 6

/* The sample's three servers, and its certificates as keys. Further nodes take
 * the last server's certificate. */
static struct world {
	uint8_t *file;
	struct itl *sample;
	struct cluster cluster;
	struct keyring ring;
	struct hsm_key hsm[CLUSTER_MAX_NODES + 2];
	struct held_key held[CLUSTER_MAX_NODES + 2];
	struct held_key *keys[CLUSTER_MAX_NODES + 2];
} w;

static char ids[CLUSTER_MAX_NODES][8];

static void add_node(const char *host, const char *address)
{
	size_t i = w.cluster.nnodes++;
	struct cluster_node *n = &w.cluster.nodes[i];

	(void)snprintf(ids[i], sizeof ids[i], "n%zu", i + 1);
	strcpy(n->id, ids[i]);
	n->host = (char *)(uintptr_t)host;
	n->address = (char *)(uintptr_t)address;
	n->tftp = true;
}

static void add_key(enum unit unit, const char *node, size_t record)
{
	struct held_key *k = &w.held[w.ring.n];
	struct err e;

	k->key = &w.hsm[w.ring.n];
	k->label.unit = unit;
	k->label.generation = 1;
	(void)snprintf(k->label.node, sizeof k->label.node, "%s", node);
	assert_ok(itl_record_x509(&w.sample->records[record], &k->key->cert, &e), &e);
	w.keys[w.ring.n++] = k;
}

static int start(void **state)
{
	size_t n = 0;
	struct err e;

	(void)state;
	memset(&w, 0, sizeof w);
	w.file = support_data("cucm10-CTLFile.tlv", &n);
	assert_ok(itl_parse(bytes_of(w.file, n), 0, &w.sample, &e), &e);
	w.cluster.name = (char *)(uintptr_t)"lab";
	w.cluster.publisher = (char *)(uintptr_t)"n1";
	w.ring.cluster = &w.cluster;
	w.ring.keys = w.keys;
	assert_int_equal(pthread_rwlock_init(&w.ring.lock, NULL), 0);
	add_node("gigantic-6", "10.35.48.106");
	add_node("gigantic-7", "10.35.150.151");
	add_node("ccm-sjcctg-013", "10.32.134.77");
	add_key(UNIT_CALLMANAGER, "n1", 0);
	add_key(UNIT_CALLMANAGER, "n2", 2);
	add_key(UNIT_CALLMANAGER, "n3", 5);
	add_key(UNIT_CAPF, "lab", 3);
	add_key(UNIT_ITLRECOVERY, "lab", 4);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	for (size_t i = 0; i < w.ring.n; i++)
		X509_free(w.hsm[i].cert);
	itl_free(w.sample);
	free(w.file);
	return 0;
}

static struct ctl contents(void)
{
	struct ctl ctl;
	struct err e;

	assert_ok(ctl_contents(&w.ring, &w.cluster, &ctl, &e), &e);
	return ctl;
}

static enum rc sign_zeros(void *arg, enum itl_digest digest,
			  const struct bytes *parts, size_t nparts,
			  uint8_t *signature, size_t length, struct err *e)
{
	(void)arg;
	(void)digest;
	(void)parts;
	(void)nparts;
	(void)e;
	memset(signature, 0, length);
	return RC_OK;
}

static enum rc build(const struct ctl *ctl, uint8_t **out, size_t *n, struct err *e)
{
	const struct itl_signer zeros = {sign_zeros, NULL};
	const struct itl_plan plan = {.file_name = CTL_FILE,
				      .signer = ctl->signer->key->cert,
				      .digest = ITL_SHA1,
				      .timestamp = w.sample->timestamp,
				      .entries = ctl->entries,
				      .nentries = ctl->n};

	return itl_build(&plan, &zeros, out, n, e);
}

/* From the configuration of its cluster comes a real CTL, byte for byte. */
static void the_sample_comes_out(void **state)
{
	struct bytes file = w.sample->file;
	size_t at = w.sample->signature_offset + 3, n = 0;
	struct ctl ctl = contents();
	uint8_t *out = NULL;
	struct err e;

	(void)state;
	assert_int_equal(ctl.n, SAMPLE_ROLES);
	assert_ok(build(&ctl, &out, &n, &e), &e);
	assert_int_equal(n, file.n);
	assert_memory_equal(out, file.p, at);
	assert_memory_equal(out + at + 128, file.p + at + 128, n - at - 128);
	free(out);
}

/* Roles by the number of servers; S: SAST, T: CCM+TFTP, C: CAPF. */
static void the_order(void **state)
{
	static const struct {
		size_t nodes;
		bool second_serves;
		const char *order, *hosts; /* the last figure of each host */
	} rows[] = {
		{1, true, "STCS", "6666"},
		{2, true, "STTCS", "66766"},
		{3, true, "STTCST", "667663"},
		{3, false, "STTCS", "66366"}, /* phones know of no other server */
	};
	static const char letters[] = {[ITL_SAST] = 'S', [ITL_CCM_TFTP] = 'T',
				       [ITL_CAPF] = 'C'};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct ctl ctl;

		w.cluster.nnodes = rows[i].nodes;
		w.cluster.nodes[1].tftp = rows[i].second_serves;
		ctl = contents();
		assert_int_equal(ctl.n, strlen(rows[i].order));
		for (size_t k = 0; k < ctl.n; k++) {
			const char *dns = ctl.entries[k].dns;

			assert_int_equal(letters[ctl.entries[k].role],
					 rows[i].order[k]);
			assert_int_equal(dns[strlen(dns) - 1], rows[i].hosts[k]);
			assert_true(ctl.entries[k].whole);
			assert_true(ctl.entries[k].has_address);
		}
	}
}

/* The publisher comes first, wherever it stands in cluster.conf. */
static void the_publisher_is_configured_last(void **state)
{
	struct ctl ctl;

	(void)state;
	w.cluster.publisher = (char *)(uintptr_t)"n3";
	ctl = contents();
	assert_int_equal(ctl.n, SAMPLE_ROLES);
	assert_string_equal(ctl.entries[0].dns, "ccm-sjcctg-013");
	assert_int_equal(ctl.entries[0].role, ITL_SAST);
	assert_ptr_equal(ctl.entries[0].cert, w.hsm[2].cert);
	assert_ptr_equal(ctl.signer, &w.held[2]);
	assert_string_equal(ctl.entries[2].dns, "gigantic-6");
	assert_string_equal(ctl.entries[4].dns, "ccm-sjcctg-013");
	assert_ptr_equal(ctl.entries[4].cert, w.hsm[4].cert);
}

static void who_signs(void **state)
{
	(void)state;
	assert_ptr_equal(contents().signer, &w.held[0]);
	w.cluster.policy = POLICY_ITLRECOVERY;
	assert_ptr_equal(contents().signer, &w.held[4]);
}

static void addresses_that_no_record_holds(void **state)
{
	static const char *const rows[] = {"localhost", "pbx2.example.net", "2001:db8::1",
					   "10.35.150", "10.35.150.1510"};
	struct ctl ctl;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		w.cluster.nodes[1].address = (char *)(uintptr_t)rows[i];
		assert_int_equal(ctl_contents(&w.ring, &w.cluster, &ctl, &e), RC_USAGE);
		assert_non_null(strstr(e.what, "n2"));
		assert_non_null(strstr(e.what, rows[i]));
		assert_non_null(strstr(e.hint, "cluster.conf"));
	}
	w.cluster.nodes[1].tftp = false; /* no record names it */
	(void)contents();
}

static void a_key_is_missing(void **state)
{
	struct ctl ctl;
	struct err e;

	(void)state;
	for (size_t i = 0; i < w.ring.n; i++) {
		w.held[i].label.node[0] ^= 0x20; /* of another place */
		assert_int_equal(ctl_contents(&w.ring, &w.cluster, &ctl, &e),
				 RC_NOTFOUND);
		w.held[i].label.node[0] ^= 0x20;
	}
}

/* A cluster of the largest size: its CTL is said to be too long, by name. */
static void too_many_nodes(void **state)
{
	uint8_t *out = NULL;
	struct ctl ctl;
	struct err e;
	size_t n = 0;

	(void)state;
	while (w.cluster.nnodes < CLUSTER_MAX_NODES) {
		add_node("ccm-sjcctg-013", "10.32.134.77");
		add_key(UNIT_CALLMANAGER, ids[w.cluster.nnodes - 1], 5);
	}
	ctl = contents();
	assert_int_equal(ctl.n, CLUSTER_MAX_NODES + 3);
	assert_int_equal(build(&ctl, &out, &n, &e), RC_REFUSED);
	assert_non_null(strstr(e.why, "65535"));
	assert_non_null(strstr(e.hint, "fewer nodes"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(the_sample_comes_out),
		TEST(the_order),
		TEST(the_publisher_is_configured_last),
		TEST(who_signs),
		TEST(addresses_that_no_record_holds),
		TEST(a_key_is_missing),
		TEST(too_many_nodes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
