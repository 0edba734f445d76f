#!/usr/bin/env bats
# The launcher over stand-ins for keyd, front and tvs.

setup() {
	load helper
	private_dir
	mkdir -p "$dir"/{bin,etc,told}
	chmod 0777 "$dir/told"
	cp "$bin/itlkeeperd" "$dir/bin"
	for program in keyd front tvs; do
		cat >"$dir/bin/$program" <<-END
			#!/bin/sh
			# Says who it is, then does what the test wrote down for it.
			if [ "\$3" = -n ]; then
				echo "$program checked" >&2
				exit \$(cat $dir/told/$program.check 2>/dev/null || echo 0)
			fi
			{ id -un; id -Gn; pwd; echo "\$*"; } >$dir/told/$program.who
			env | sort >$dir/told/$program.env
			grep NoNewPrivs /proc/self/status >$dir/told/$program.privs
			echo \$\$ >>$dir/told/$program.pids
			[ ! -e $dir/told/$program.exit ] || exit \$(cat $dir/told/$program.exit)
			exec sleep 1000
		END
		chmod +x "$dir/bin/$program"
	done
	cat >"$dir/etc/cluster.conf" <<-END
		[cluster]
		name = t
		publisher = n1
		run = $dir/run
		state-dir = $dir/state
		restart-seconds = 60
		[node n1]
		host = one
		address = 127.0.0.1
		folder = $dir/1
		restart = id -un >>$dir/told/ran; echo well >&2
		[node n2]
		host = two
		address = 127.0.0.1
		folder = $dir/2
		restart = exit 5
	END
	export SOFTHSM2_CONF=/a CREDENTIALS_DIRECTORY=/b SECRET=/c ASAN_OPTIONS LANG=C
}

teardown() {
	[[ -z ${launcher-} ]] || kill -KILL "$launcher" 2>/dev/null || true
	[[ -z ${dir-} ]] || rm -rf "$dir"
}

launch() {
	"$dir/bin/itlkeeperd" --config "$dir/etc" >"$dir/log" 2>&1 3>&- &
	launcher=$!
	wait_until all_started
}

all_started() {
	[[ -s $dir/told/keyd.pids && -s $dir/told/front.pids && -s $dir/told/tvs.pids ]]
}

newest() { # PROGRAM
	tail -n 1 "$dir/told/$1.pids"
}

has_starts() { # PROGRAM N
	[[ $(wc -l <"$dir/told/$1.pids") -ge $2 ]]
}

ask() { # NODE: as front does
	runuser -u itlkeeper-front -- sh -c 'echo 0123456789abcdef0123456789abcdef >"$1/.x" &&
		mv "$1/.x" "$1/$2"' sh "$dir/run/restart" "$1"
}

@test "programs run under their users with a clean environment" {
	launch
	wait_until test -s "$dir/told/front.pids"
	run cat "$dir/told/keyd.who"
	[ "${lines[0]}" = itlkeeper-keyd ]
	[ "${lines[2]}" = / ]
	[ "${lines[3]}" = "--config $dir/etc" ]
	[ "$(head -n 1 "$dir/told/front.who")" = itlkeeper-front ]
	[ "$(head -n 1 "$dir/told/tvs.who")" = itlkeeper-tvs ]
	grep -q '1$' "$dir/told/keyd.privs"
	grep -q '^SOFTHSM2_CONF=/a$' "$dir/told/keyd.env"
	grep -q '^CREDENTIALS_DIRECTORY=/b$' "$dir/told/keyd.env"
	run grep -hE '^(SOFTHSM2_CONF|CREDENTIALS_DIRECTORY)=' "$dir"/told/{front,tvs}.env
	[ "$status" = 1 ]
	run grep -hE '^(SECRET|HOME|USER|NOTIFY_SOCKET)=' "$dir"/told/{keyd,front,tvs}.env
	[ "$status" = 1 ]
	grep -q '^PATH=' "$dir/told/front.env"
}

@test "folders have the owners and modes of the design" {
	launch
	[ "$(mode_of "$dir/run")" = "root:root 755" ]
	[ "$(mode_of "$dir/run/keyd")" = "itlkeeper-keyd:itlkeeper-keyd 755" ]
	[ "$(mode_of "$dir/run/front")" = "itlkeeper-front:itlkeeper-front 755" ]
	[ "$(mode_of "$dir/run/restart")" = "itlkeeper-front:itlkeeper-front 755" ]
	[ "$(mode_of "$dir/run/restarted")" = "root:root 755" ]
	[ "$(mode_of "$dir/run/tvs")" = "itlkeeper-tvs:itlkeeper-tvs 755" ]
	[ "$(mode_of "$dir/state/keyd")" = "itlkeeper-keyd:itlkeeper 2750" ]
	[ "$(mode_of "$dir/state/front")" = "itlkeeper-front:itlkeeper 750" ]
	[ "$(mode_of "$dir/state/trust")" = "itlkeeper-front:itlkeeper-front 755" ]
}

@test "a program that ends is started again, and the other one stays" {
	launch
	front=$(newest front)
	kill -KILL "$(newest keyd)"
	wait_until has_starts keyd 2
	kill -KILL "$(newest keyd)"
	wait_until has_starts keyd 3
	[ "$(newest front)" = "$front" ]
	[ -e "/proc/$front" ]
	grep -q 'event=ended program=keyd .*signal=9' "$dir/log"
}

@test "a keyd whose PIN was refused is not started again" {
	echo 77 >"$dir/told/keyd.exit"
	launch
	wait_until contains "$dir/log" event=given-up
	contains "$dir/log" "write the right PIN"
	# front ends and comes back in the meantime; keyd does not.
	kill "$(newest front)"
	wait_until has_starts front 2
	kill "$(newest front)"
	wait_until has_starts front 3
	[ "$(wc -l <"$dir/told/keyd.pids")" = 1 ]
	kill -0 "$launcher"
}

@test "SIGTERM stops what was started, and nothing else" {
	launch
	sleep 1000 3>&- &
	other=$!
	kill "$launcher"
	wait "$launcher"
	is_gone "$(newest keyd)"
	is_gone "$(newest front)"
	is_gone "$(newest tvs)"
	kill "$other"
}

@test "a killed launcher takes its programs along" {
	launch
	kill -KILL "$launcher"
	wait_until is_gone "$(newest keyd)"
	wait_until is_gone "$(newest front)"
}

@test "a restart request runs the node's command as root and is answered" {
	launch
	ask n1
	ask n2
	wait_until test -s "$dir/run/restarted/n1"
	wait_until test -s "$dir/run/restarted/n2"
	[ "$(cat "$dir/told/ran")" = root ]
	printf '0123456789abcdef0123456789abcdef\n0\nwell\n' | cmp - "$dir/run/restarted/n1"
	printf '0123456789abcdef0123456789abcdef\n5\n\n' | cmp - "$dir/run/restarted/n2"
	[ "$(mode_of "$dir/run/restarted/n1")" = "root:root 644" ]
	[ ! -e "$dir/run/restart/n1" ]
}

@test "hostile requests run nothing" {
	echo 0123456789abcdef0123456789abcdef >"$dir/secret"
	launch
	runuser -u itlkeeper-front -- sh -c 'cd "$1" && ln -s "$2" .l && mv .l n1 &&
		mkfifo n2 && echo x >n9 && mkdir ..x && touch -- "-rf" "\$(id)"' \
		sh "$dir/run/restart" "$dir/secret"
	wait_until contains "$dir/log" 'restart request on n1'
	# Another user's file, brought by root: not front's word either.
	cp "$dir/secret" "$dir/run/restart/.r"
	mv "$dir/run/restart/.r" "$dir/run/restart/n1"
	wait_until contains "$dir/log" 'does not belong to front alone'
	# It still does its work, and did nothing before.
	[ ! -e "$dir/told/ran" ]
	ask n1
	wait_until test -s "$dir/run/restarted/n1"
	[ "$(cat "$dir/told/ran")" = root ]
}

@test "a second launcher of the same run folder is refused" {
	launch
	run "$dir/bin/itlkeeperd" --config "$dir/etc"
	[ "$status" = 1 ]
	[[ $output == *"another itlkeeperd serves this run folder"* ]]
	kill -0 "$launcher"
}

@test "-n checks all programs and starts nothing" {
	run "$dir/bin/itlkeeperd" --config "$dir/etc" -n
	[ "$status" = 0 ]
	[[ $output == *"keyd checked"*"front checked"*"tvs checked"* ]]
	[ ! -e "$dir/run" ]
	[ ! -e "$dir/told/keyd.pids" ]
	echo 2 >"$dir/told/keyd.check"
	run "$dir/bin/itlkeeperd" --config "$dir/etc" -n
	[ "$status" = 2 ]
	[[ $output == *"front checked"* ]]
}

@test "-n names file and line of what is wrong" {
	sed -i 's/^publisher.*/publisher = n7/' "$dir/etc/cluster.conf"
	run "$dir/bin/itlkeeperd" --config "$dir/etc" -n
	[ "$status" = 2 ]
	[[ $output == *"$dir/etc/cluster.conf:3: publisher = n7: no [node] has this identifier"* ]]
	rm "$dir/etc/cluster.conf"
	run "$dir/bin/itlkeeperd" --config "$dir/etc" -n
	[ "$status" = 1 ]
	[[ $output == *"$dir/etc/cluster.conf"*ENOENT* ]]
}

@test "a user that is missing is named, with the step that makes it" {
	sed -i 's/^run = /front-user = nosuchuser\n&/' "$dir/etc/cluster.conf"
	run "$dir/bin/itlkeeperd" --config "$dir/etc"
	[ "$status" = 1 ]
	[[ $output == *nosuchuser*packaging/users* ]]
}

@test "it needs root" {
	run runuser -u nobody -- "$dir/bin/itlkeeperd" --config "$dir/etc"
	[ "$status" = 3 ]
}

# The stand-ins of this file do not look at cluster.conf; the launcher does.
@test "a program that takes up a changed configuration is started at once" {
	launch
	sleep 1.2 # the launcher believes no program that says so at its start
	echo 75 >"$dir/told/keyd.exit"
	kill -KILL "$(newest keyd)" # its next one ends with 75 at once: a fault
	wait_until grep -q 'event=ended program=keyd .*status=75' "$dir/log"
	rm "$dir/told/keyd.exit"
	cat >"$dir/bin/keyd" <<-END
		#!/bin/sh
		echo \$\$ >>$dir/told/keyd.pids
		sleep 1.5
		exit 75
	END
	wait_until grep -q 'event=restart program=keyd' "$dir/log"
	starts=$(wc -l <"$dir/told/keyd.pids")
	wait_until has_starts keyd $((starts + 2)) # no pause that grows
}

@test "the launcher takes up a changed configuration, and a bad one not" {
	launch
	echo nonsense >>"$dir/etc/cluster.conf"
	wait_until contains "$dir/log" 'neither [section] nor key = value'
	ask n1
	wait_until test -s "$dir/run/restarted/n1"
	sed -i '$d' "$dir/etc/cluster.conf"
	cat >>"$dir/etc/cluster.conf" <<-END
		[node n3]
		host = three
		address = 127.0.0.1
		folder = $dir/3
		restart = echo third >>$dir/told/ran
	END
	ask n3 # before it is known: the request waits
	wait_until test -s "$dir/run/restarted/n3"
	grep -q third "$dir/told/ran"
	grep -q 'event=config-changed .*nodes=3' "$dir/log"
	[ "$(grep -c 'neither \[section\]' "$dir/log")" = 1 ]
	# The programs were left alone.
	[ "$(wc -l <"$dir/told/keyd.pids")" = 1 ]
}

@test "tvs runs while a node runs a TVS" {
	sed -i 's/^folder = .*/&\ntvs = no/' "$dir/etc/cluster.conf"
	mv "$dir/bin/tvs" "$dir/bin/tvs.away" # it is not even looked for
	"$dir/bin/itlkeeperd" --config "$dir/etc" >"$dir/log" 2>&1 3>&- &
	launcher=$!
	wait_until test -s "$dir/told/front.pids"
	[ ! -e "$dir/told/tvs.pids" ]
	mv "$dir/bin/tvs.away" "$dir/bin/tvs"
	sed -i '0,/^tvs = no/s//tvs = yes/' "$dir/etc/cluster.conf"
	wait_until test -s "$dir/told/tvs.pids"
	kill -KILL "$(newest tvs)"
	wait_until has_starts tvs 2
	sed -i 's/^tvs = yes/tvs = no/' "$dir/etc/cluster.conf"
	wait_until contains "$dir/log" 'event=stopped program=tvs'
	is_gone "$(newest tvs)"
	sleep 1 # a program that ended is started again after half of it
	[ "$(wc -l <"$dir/told/tvs.pids")" = 2 ]
}
