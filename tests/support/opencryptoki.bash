# openCryptoki's soft token for a while, in namespaces of its own: its daemon, its
# sockets, its shared memory and its token's files end with the script, and nothing of
# an openCryptoki of this machine is touched. To be sourced, by root.
#
#   ock_enter COMMAND ARG...  run it there; returns at once if we are there
#   ock_token PIN-FILE LABEL  a fresh token, with that user PIN: 4 to 8 characters
#   $ock_module               its PKCS#11 module

export ock_module=/usr/lib/x86_64-linux-gnu/pkcs11/libopencryptoki.so

ock_enter() {
	[[ -z ${OCK_INSIDE-} ]] || return 0
	[[ -e $ock_module && -x /usr/sbin/pkcsslotd ]] || {
		echo "opencryptoki is not installed" >&2
		return 1
	}
	# shellcheck disable=SC2016
	OCK_INSIDE=yes exec unshare --mount --ipc --pid --fork --kill-child --mount-proc \
		bash -c 'source "$1"; shift; ock_private; exec "$@"' - "${BASH_SOURCE[0]}" "$@"
}

# What openCryptoki finds under its own paths from now on.
ock_private() {
	local path
	for path in /run /dev/shm /var/lib/opencryptoki; do
		mount -t tmpfs -o mode=0755 tmpfs "$path" || return 1
	done
	install -d -m 0755 /run/lock
	install -d -m 0770 -g pkcs11 /run/lock/opencryptoki{,/swtok} \
		/var/lib/opencryptoki/swtok{,/TOK_OBJ}
	chmod 1777 /dev/shm
	chown root:pkcs11 /var/lib/opencryptoki
	printf '%s\n' 'version opencryptoki-3.1' 'slot 0' '{' 'stdll = libpkcs11_sw.so' '}' \
		>/run/opencryptoki.conf
	mount --bind /run/opencryptoki.conf /etc/opencryptoki/opencryptoki.conf || return 1
	# Who is not in its group may not use it.
	sed 's/^\(pkcs11:.*:\)\(.*\)$/\1itlkeeper-keyd,\2/; s/,$//' /etc/group >/run/group
	mount --bind /run/group /etc/group || return 1
}

ock_tool() { # ARG...
	pkcs11-tool --module "$ock_module" "$@" </dev/null
}

ock_token() { # PIN-FILE LABEL
	/usr/sbin/pkcsslotd || return 1
	# 87654321 is every fresh token's.
	PIN=$(<"$1")
	export PIN
	ock_tool --slot-index 0 --init-token --label "$2" --so-pin 87654321 &&
		ock_tool --token-label "$2" --login --login-type so --so-pin 87654321 \
			--init-pin --new-pin env:PIN
}
