#include "support/support.h"
#include "replies.h"
#include "itl/itl.h"
#include <sodium.h>
#include <stdio.h>
#include <string.h>

const char reset_dialogue[] =
	"Locating active Tftp servers in the cluster.....\n"
	"\n"
	"Following is the list of Active tftp servers in the cluster\n"
	"\n"
	"['test10pub', 'test10sub', 'test10sub2']\n"
	"The reset ITL file was generated successfully\n"
	"\n"
	"\n"
	"Transferring new reset ITL file to the TFTP server nodes in the cluster.........\n"
	"\n"
	"Restarting Cisco Tftp service on host test10pub\n"
	"Cisco Tftp service restarted on host test10pub\n"
	"Successfully transferred reset ITL to node test10sub\n"
	"\n"
	"Restarting Cisco Tftp service on host test10sub\n"
	"Cisco Tftp service restarted on host test10sub\n"
	"Successfully transferred reset ITL to node test10sub2\n"
	"\n"
	"Restarting Cisco Tftp service on host test10sub2\n"
	"Cisco Tftp service restarted on host test10sub2\n";

struct bytes plan_source(void)
{
	static uint8_t list[8192];
	static size_t n;
	uint8_t *file;

	if (n == 0) {
		file = support_data("cucm10-CTLFile.tlv", &n);
		assert_true(n <= sizeof list);
		memcpy(list, file, n);
		free(file);
	}
	return bytes_of(list, n);
}

const char *plan_answer(const char *sha1)
{
	static char plan[16384];
	char base64[12000], own[SHA1_HEX];
	struct bytes source = plan_source();

	sodium_bin2base64(base64, sizeof base64, source.p, source.n,
			  sodium_base64_VARIANT_ORIGINAL);
	itl_sha1_hex(source, own);
	(void)snprintf(plan, sizeof plan,
		       "{\"result\":{\"nodes\":["
		       "{\"id\":\"n1\",\"host\":\"test10pub\",\"sha1\":\"" SHA_A "\"},"
		       "{\"id\":\"n2\",\"host\":\"test10sub\",\"sha1\":null}],"
		       "\"source\":\"%s\",\"source_sha1\":\"%s\",\"timestamp\":1393439067,"
		       "\"signer\":\"CN=ITLRECOVERY\",\"warnings\":[\"the key \\u001bhas expired\"]}}",
		       base64, sha1 ? sha1 : own);
	return plan;
}
