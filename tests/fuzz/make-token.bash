#!/bin/bash
# make-token.bash: writes token.pem anew (token.h). What the corpus of fuzz-keyd holds
# of its certificates is of no use then: seeds-keyd writes it anew.
set -eu
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
key() { # LABEL CN [half]
  openssl genrsa -traditional -out "$tmp/key" 1024 2>/dev/null
  echo "# $1"
  openssl pkcs8 -topk8 -nocrypt -in "$tmp/key"
  [ "${3:-}" ] || openssl req -new -x509 -sha1 -days 36500 -key "$tmp/key" \
    -subj "/C=US/O=cisco/CN=$2" -set_serial "0x4000000000000000000000000000$RANDOM"
}
{
  key CallManager/n1/1 n1.lab
  key CallManager/n2/1 n2.lab
  key TVS/n1/1 n1.lab
  key TVS/n2/1 n2.lab
  key CAPF/t/1 CAPF-00000001
  key CAPF/t/2 CAPF-00000002
  key ITLRecovery/t/1 ITLRECOVERY_n1.lab
  key Audit/t/1 AUDIT_t
  key TVS/n2/2 n2.lab half
  key spare spare half
} >"$tmp/pem"
mv "$tmp/pem" token.pem
