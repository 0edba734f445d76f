#!/usr/bin/env bats
# TFTP nodes here and over SSH, in one cluster of real parts: two folders of this
# machine, a server with a shell, one with SFTP alone. One cluster for the file; each
# test leaves it as it found it.

setup_file() {
	load helper
	source "$root/tests/support/nodes.bash"
	make_cluster
	mkdir "$dir/ssh"
	ssh_node "$dir" n3 ssh ". $dir/ssh/ssh.restart"
	ssh_node "$dir" n4 sftp "" force=internal-sftp
	restart_by true
	sed -i 's/^state-dir.*/&\nput-seconds = 6\nrestart-seconds = 4\nfetch-seconds = 3/' \
		"$dir/etc/cluster.conf"
	start_cluster
}

# What the restart command of test10ssh does, on the server.
restart_by() { # COMMAND
	echo "$1" >"$dir/ssh/ssh.restart"
	chmod 0644 "$dir/ssh/ssh.restart"
}

setup() {
	load helper
	ctl_password=$dir/secret/admin-password
	password=$dir/secret/admin-password
	sshd=$root/tests/support/sshd
}

teardown_file() {
	load helper
	source "$root/tests/support/nodes.bash"
	[[ -z ${dir-} ]] || {
		demo_stop "$dir"
		ssh_node_stop "$dir" ssh
		ssh_node_stop "$dir" sftp
		rm -rf "$dir"
	}
}

look() {
	demo_ctl "$dir" "$@"
}

served() { # NODE: SHA-1 of what a phone gets there
	curl -s "tftp://127.0.0.1:$(<"$dir/node/$1/port")/ITLFile.tlv" | sha1sum | cut -d' ' -f1
}

all_serve_one_list() {
	local first
	first=$(served test10pub)
	[[ $(served test10sub) == "$first" && $(served ssh) == "$first" &&
		$(served sftp) == "$first" ]]
}

node_status() { # HOST: its JSON
	demo_ctl "$dir" --json show status |
		python3 -c 'import json,sys
print(json.dumps([n for n in json.load(sys.stdin)["result"]["nodes"]
                  if n["host"] == sys.argv[1]][0]))' "$1"
}

@test "every node is there, and a reset reaches all, in configured order" {
	run look node check
	[ "$status" = 0 ]
	[ "$(grep -c ' there$' <<<"$output")" = 4 ]
	run ctl utils itl reset localkey --all-or-none
	[ "$status" = 0 ]
	order=$(grep '^Cisco Tftp service restarted' <<<"$output" | awk '{print $NF}' | paste -sd' ')
	[ "$order" = "test10pub test10sub test10ssh test10sftp" ]
	all_serve_one_list
	# Nothing is left beside the lists, and phones can read them.
	[ "$(ls -A "$dir/ssh/ssh/vault")" = ITLFile.tlv ]
	[ "$(ls -A "$dir/ssh/sftp/vault")" = ITLFile.tlv ]
	[ "$(stat -c %a "$dir/ssh/ssh/vault/ITLFile.tlv")" = 644 ]
}

@test "a login with SFTP alone: a moment without the file is in the log" {
	ctl utils itl reset localkey
	ctl utils itl reset localkey
	contains "$dir/log" 'event=replaced node=n4 atomic=no msg="the login has SFTP alone'
	! contains "$dir/log" 'event=replaced node=n3'
}

@test "progress as JSON" {
	run ctl --json utils itl reset localkey
	[ "$status" = 0 ]
	for event in transferred restarting restarted verified; do
		grep -q "{\"event\":\"$event\",\"node\":\"n3\",\"host\":\"test10ssh\"[,}]" <<<"$output"
	done
}

@test "a node that is down stops nobody, is named, and comes up to date by itself" {
	"$sshd" stop "$dir/ssh/ssh"
	before=$(served ssh)
	run ctl utils itl reset localkey
	[ "$status" = 1 ]
	[[ $output == *"Failed on host test10ssh: "*"nobody answers"* ]]
	[[ $output == *"It still serves $before, since 20"* ]]
	[[ $output == *"Cisco Tftp service restarted on host test10sftp"* ]]
	[ "$(served test10sub)" = "$(served test10pub)" ]
	[ "$(served sftp)" = "$(served test10pub)" ]
	[ "$(served ssh)" = "$before" ]
	node_status test10ssh | grep -q "\"have\": {\"sha1\": \"$before\""
	run look show status
	[[ $output == *"nobody answers"* && $output == *"next try"* ]]
	"$sshd" start "$dir/ssh/ssh" "port=$(<"$dir/ssh/ssh/port")"
	chmod 0755 "$dir/ssh/ssh/vault"
	wait_until all_serve_one_list
	wait_until is_settled test10ssh
}

is_settled() { # HOST
	node_status "$1" | grep -q '"error": null'
}

@test "a server that hangs costs its own deadline" {
	pid=$(<"$dir/ssh/ssh/pid")
	kill -STOP "$pid"
	run ctl utils itl reset localkey
	kill -CONT "$pid"
	[ "$status" = 1 ]
	[[ $output == *"Failed on host test10ssh: "*"no answer in time"* ]]
	[ "$(served sftp)" = "$(served test10pub)" ]
	wait_until all_serve_one_list
	wait_until is_settled test10ssh
}

@test "all or none: the missing are named, and nothing is changed" {
	"$sshd" stop "$dir/ssh/ssh"
	"$dir/bin/tftp" stop "$dir/node/sftp"
	chmod 0500 "$dir/tftp/test10sub"
	before=$(served test10pub)
	run ctl utils itl reset localkey --all-or-none
	[ "$status" = 3 ]
	[[ $output == *"Missing host test10ssh: "*"nobody answers"* ]]
	[[ $output == *"Missing host test10sftp: "* ]]
	[[ $output == *"Missing host test10sub: "*"EACCES"* ]]
	[[ $output == *"test10sub, test10ssh, test10sftp: 3 of 4 TFTP nodes are missing, so nothing was changed"* ]]
	run look --json node check
	[ "$status" = 1 ]
	[ "$(grep -o '"ok":false' <<<"$output" | wc -l)" = 3 ]
	run look node check test10pub
	[ "$status" = 0 ]
	[ "$(served test10pub)" = "$before" ]
	[ "$(sha1sum <"$dir/ssh/sftp/vault/ITLFile.tlv" | cut -d' ' -f1)" = "$before" ]
	chmod 0755 "$dir/tftp/test10sub"
	"$dir/bin/tftp" start "$dir/node/sftp"
	"$sshd" start "$dir/ssh/ssh" "port=$(<"$dir/ssh/ssh/port")"
	chmod 0755 "$dir/ssh/ssh/vault"
	run look node check
	[ "$status" = 0 ]
	[ "$(served test10pub)" = "$before" ]
}

@test "a restart command that fails, or hangs, costs its own node alone" {
	restart_by 'printf "first\n\033[31mno such unit\n" >&2; exit 7'
	run ctl utils itl reset localkey
	[ "$status" = 1 ]
	[[ $output == *"Failed on host test10ssh: "*"the command failed: ?[31mno such unit, status 7"* ]]
	[[ $output != *$'\033'* ]]
	restart_by 'exec sleep 60'
	run ctl utils itl reset localkey
	[ "$status" = 1 ]
	[[ $output == *"the command did not end in time"* ]]
	[ "$(served sftp)" = "$(served test10pub)" ]
	# The file is there, but counts only once the server was restarted.
	node_status test10ssh | grep -q 'did not end in time'
	restart_by true
	wait_until is_settled test10ssh
	all_serve_one_list
}

@test "a changed host key gets no login; an unknown one is asked for" {
	before=$(<"$dir/etc/known_hosts")
	logins=$(grep -c Accepted "$dir/ssh/ssh/log")
	"$sshd" rekey "$dir/ssh/ssh"
	run look node check test10ssh
	[ "$status" = 1 ]
	[[ $output == *"the host key has CHANGED"* ]]
	# The administrator forgets it.
	ssh-keygen -q -f "$dir/etc/known_hosts" \
		-R "[127.0.0.1]:$(<"$dir/ssh/ssh/port")" >/dev/null 2>&1
	run setsid -w "$dir/bin/itlctl" --config "$dir/etc" node check test10ssh </dev/null
	[ "$status" = 2 ]
	[[ $output == *"The authenticity of host '127.0.0.1 (127.0.0.1)' can't be"* ]]
	run answer no node check test10ssh
	[ "$status" = 1 ]
	[[ $output == *"the host is not known"* ]]
	[ "$(grep -c Accepted "$dir/ssh/ssh/log")" = "$logins" ]
	run answer yes node check
	[ "$status" = 0 ]
	[[ $output == *"key fingerprint is $(ssh-keygen -lf "$dir/ssh/ssh/host_ed25519.pub" | cut -d' ' -f2)."* ]]
	[ "$(mode_of "$dir/etc/known_hosts")" = "root:root 644" ]
	[ "$(wc -l <"$dir/etc/known_hosts")" -lt "$(wc -l <<<"$before")" ]
	run look node check
	[ "$status" = 0 ]
	ctl utils itl reset localkey --all-or-none
	all_serve_one_list
}

# itlctl at a terminal, where WORD is typed.
answer() { # WORD ARG...
	python3 - "$@" "$dir" <<-'END'
		import os, pty, sys, time
		word, *args, dir = sys.argv[1:]
		pid, fd = pty.fork()
		if pid == 0:
		    os.execv(dir + "/bin/itlctl", ["itlctl", "--config", dir + "/etc", *args])
		out = b""
		while True:
		    try:
		        more = os.read(fd, 4096)
		    except OSError:
		        break
		    if not more:
		        break
		    out += more
		    if b"(yes/no)?" in out and word:
		        os.write(fd, word.encode() + b"\n")
		        word = ""
		sys.stdout.write(out.decode().replace("\r", ""))
		sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	END
}

@test "the configuration is checked with file and line" {
	run "$dir/bin/front" --config "$dir/etc" -n
	[ "$status" = 0 ]
	cp -r "$dir/etc" "$dir/other"
	sed -i "s|^identity = .*/ssh|identity = $dir/secret/none|" "$dir/other/cluster.conf"
	run "$dir/bin/front" --config "$dir/other" -n
	[ "$status" = 2 ]
	[[ $output == *"cluster.conf:"*": identity: $dir/secret/none: is no file"* ]]
	sed -i "s|^identity = .*/none|identity = $dir/other/open|" "$dir/other/cluster.conf"
	install -m 0644 "$dir/secret/ssh" "$dir/other/open"
	run "$dir/bin/front" --config "$dir/other" -n
	[ "$status" = 2 ]
	[[ $output == *"a private key that everybody can use"* ]]
	chmod 0600 "$dir/other/open"
	sed -i 's|^restart-seconds.*|restart-seconds = 40|' "$dir/other/cluster.conf"
	run "$dir/bin/front" --config "$dir/other" -n
	[ "$status" = 0 ]
	[[ $output == *"warning: a node that was down serves its list again only after up to 98 seconds, not 60"* ]]
	sed -i 's|/ssh/sftp/vault$|/ssh/sftp/a b|' "$dir/other/cluster.conf"
	run "$dir/bin/front" --config "$dir/other" -n
	[ "$status" = 2 ]
	[[ $output == *"cluster.conf:"*"A-Z a-z 0-9"* ]]
}

@test "root runs no command of a node over SSH, whoever asks" {
	restart_by "touch $dir/root-was-here"
	printf '%032d\n' 1 >"$dir/run/restart/.n3"
	chown itlkeeper-front "$dir/run/restart/.n3"
	mv "$dir/run/restart/.n3" "$dir/run/restart/n3"
	wait_until contains "$dir/log" "this node's command runs over SSH"
	[ ! -e "$dir/root-was-here" ]
	restart_by true
}
