#include "tags.h"
#include "base/num.h"
#include "itl/itl.h"

#define ANY .min = 1, .max = UINT16_MAX
#define EXACTLY(n) .min = (n), .max = (n)
#define NAME .min = 1, .max = ITL_MAX_NAME

static const struct tag_rule header_rules[] = {
	[H_VERSION] = {"VERSION", EXACTLY(2)},
	[H_LENGTH] = {"HEADERLENGTH", EXACTLY(2)},
	[H_SIGNER_ID] = {"SIGNERID", .container = true, ANY},
	[H_SIGNER_NAME] = {"SIGNERNAME", H_SIGNER_ID, .text = true, NAME},
	[H_SERIAL] = {"SERIALNUMBER", H_SIGNER_ID, ANY},
	[H_ISSUER] = {"CANAME", H_SIGNER_ID, .text = true, NAME},
	[H_SIGNATURE_INFO] = {"SIGNATUREINFO", .container = true, ANY},
	[H_DIGEST] = {"DIGESTALGORTITHM", H_SIGNATURE_INFO, EXACTLY(1)},
	[H_ALGORITHM_INFO] = {"SIGNATUREALGOINFO", H_SIGNATURE_INFO, .container = true,
			      ANY},
	[H_ALGORITHM] = {"SIGNATUREALGORTITHM", H_ALGORITHM_INFO, EXACTLY(1)},
	[H_MODULUS] = {"SIGNATUREMODULUS", H_ALGORITHM_INFO, EXACTLY(1)},
	[H_SIGNATURE] = {"SIGNATURE", .min = 64, .max = ITL_MAX_SIGNATURE},
	[H_FILE_NAME] = {"FILENAME", .text = true, NAME},
	[H_TIMESTAMP] = {"TIMESTAMP", EXACTLY(4)},
	[H_SIGNER_VERSION] = {"SIGNERVERSION", .optional = true, EXACTLY(2)},
};

/* Only the length is required: which tags a role needs is not structure. */
static const struct tag_rule record_rules[] = {
	[R_LENGTH] = {"RECORDLENGTH", EXACTLY(2)},
	/* no text: what an ITL's two bytes are is unknown */
	[R_DNS] = {"DNSNAME", .optional = true, NAME},
	[R_SUBJECT] = {"SUBJECTNAME", .optional = true, .text = true, NAME},
	[R_ROLE] = {"FUNCTION", .optional = true, EXACTLY(2)},
	[R_ISSUER] = {"ISSUERNAME", .optional = true, .text = true, NAME},
	[R_SERIAL] = {"SERIALNUMBER", .optional = true, ANY},
	[R_KEY] = {"PUBLICKEY", .optional = true, ANY},
	[R_SIGNATURE] = {"SIGNATURE", .optional = true, ANY},
	[R_CERT] = {"CERTIFICATE", .optional = true, ANY},
	[R_ADDRESS] = {"IPADDRESS", .optional = true, EXACTLY(4)},
	[R_HASH] = {"CERTHASH", .optional = true, EXACTLY(SHA1_LEN)},
	[R_HASH_ALGORITHM] = {"HASH ALGORITHM", .optional = true, EXACTLY(1)},
};

const struct section itl_header = {"Header", header_rules, COUNT_OF(header_rules)};
const struct section itl_record_section = {"Record", record_rules,
					   COUNT_OF(record_rules)};

const struct tag_rule *itl_rule(const struct section *s, uint8_t tag)
{
	return tag < s->nrules && s->rules[tag].name ? &s->rules[tag] : NULL;
}

static const struct {
	unsigned role;
	const char *name;
} roles[] = {
	{ITL_SAST, "System Administrator Security Token"},
	{ITL_CCM, "CCM"},
	{ITL_CCM_TFTP, "CCM+TFTP"},
	{ITL_TFTP, "TFTP"},
	{ITL_CAPF, "CAPF"},
	{ITL_APP_SERVER, "APP-SERVER"},
	{ITL_TVS, "TVS"},
};

const char *itl_role_name(unsigned role)
{
	for (size_t i = 0; i < COUNT_OF(roles); i++)
		if (roles[i].role == role)
			return roles[i].name;
	return NULL;
}

const char *itl_digest_name(unsigned digest)
{
	static const char *const names[] = {
		[ITL_SHA1] = "SHA1", [ITL_SHA256] = "SHA256", [ITL_SHA512] = "SHA512"};

	return digest < COUNT_OF(names) ? names[digest] : NULL;
}
