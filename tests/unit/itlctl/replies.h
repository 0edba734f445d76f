/* What the door says of a reset, and the dialogue that it makes. */
#ifndef ITLCTL_REPLIES_H
#define ITLCTL_REPLIES_H

#include "base/bytes.h"

#define SHA_A "00000000000000000000000000000000000000aa"
#define SHA_R "00000000000000000000000000000000000000ff"

#define SERVERS \
	"{\"event\":\"servers\",\"hosts\":[\"test10sub\",\"test10pub\",\"test10sub2\"]}", \
	"{\"event\":\"generated\",\"sha1\":\"" SHA_R "\",\"signer\":\"CN=ITLRECOVERY\"}", \
	"{\"event\":\"transferring\"}"
#define NODE(event, id, host) \
	"{\"event\":\"" event "\",\"node\":\"" id "\",\"host\":\"" host "\"}"
#define OUTCOME(ok3, error3) \
	"{\"result\":{\"sha1\":\"" SHA_R "\",\"signer\":\"CN=ITLRECOVERY\",\"nodes\":[" \
	"{\"id\":\"n1\",\"host\":\"test10pub\",\"ok\":true,\"error\":null}," \
	"{\"id\":\"n2\",\"host\":\"test10sub\",\"ok\":true,\"error\":null}," \
	"{\"id\":\"n3\",\"host\":\"test10sub2\",\"ok\":" ok3 ",\"error\":" error3 "}]}}"
#define TIMEOUT \
	"{\"rc\":\"error\",\"op\":\"restart\",\"what\":\"test10sub2\",\"why\":\"no answer\"," \
	"\"name\":\"\",\"code\":0,\"hint\":\"look there\"}"
#define ERROR(rc, why) \
	"{\"error\":{\"rc\":\"" rc "\",\"op\":\"reset\",\"what\":\"test10\",\"why\":\"" why \
	"\",\"name\":\"\",\"code\":0,\"hint\":\"\"}}"

/* A struct reply to "reset": one node after the other. */
#define RESET_IN_ORDER \
	{"reset", \
	 {SERVERS, NODE("restarting", "n1", "test10pub"), \
	  NODE("restarted", "n1", "test10pub"), NODE("verified", "n1", "test10pub"), \
	  NODE("transferred", "n2", "test10sub"), NODE("restarting", "n2", "test10sub"), \
	  NODE("restarted", "n2", "test10sub"), NODE("verified", "n2", "test10sub"), \
	  NODE("transferred", "n3", "test10sub2"), NODE("restarting", "n3", "test10sub2"), \
	  NODE("restarted", "n3", "test10sub2"), NODE("verified", "n3", "test10sub2"), \
	  OUTCOME("true", "null")}}

/* The dialogue of `utils itl reset` (spec: commands), with a third node, behind
 * the prompts for passwords. */
extern const char reset_dialogue[];

/* A plan over a sample list, with the given SHA-1 or (NULL) its own; valid until
 * the next call. And that list. */
const char *plan_answer(const char *sha1);
struct bytes plan_source(void);

#endif
