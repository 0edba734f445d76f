#!/usr/bin/env bats
# The quickstart's story, told by a copy of the scripts with the programs of
# this build.

setup() {
	load helper
	private_dir
	mkdir "$dir/clone"
	cp -r "$root/packaging" "$dir/clone"
}

teardown() {
	[[ -z ${dir-} ]] || {
		"$dir/clone/packaging/quickstart" --stop || true
		[[ ! -L $dir/clone/build/demo ]] ||
			rm -rf "$(readlink "$dir/clone/build/demo")"
		rm -rf "$dir"
	}
}

tell() {
	run "$dir/clone/packaging/quickstart" --build "$ITLKEEPER_BUILD"
	echo "$output"
	[ "$status" = 0 ]
	[[ $output == *"20 of 20 phones report: Trust List Update Failed"*"20 of 20 phones report: Trust List Updated"*"20 of 20 phones report: Trust List Updated"* ]]
	[[ $output == *"10 of them, those of test10sub, because TVS vouches for its signer"* ]]
	[ "$(grep -c '20 of 20 phones accept their signed configuration file' <<<"$output")" = 3 ]
	[[ $output == *"The reset ITL file was generated successfully"* ]]
	[ "$(grep -c '^   SEP.*Trust List Updated$' <<<"$output")" = 20 ]
	[[ $output == *"The ITL file was verified successfully."* ]]
	[[ $output == *"packaging/quickstart --stop"* ]]
}

# Every process whose program or arguments lie below a folder.
left_running() { # DIR
	local process
	for process in /proc/[0-9]*; do
		if tr '\0' '\n' 2>/dev/null <"$process/cmdline" | grep -q "^$1/"; then
			echo "$process: $(tr '\0' ' ' <"$process/cmdline")"
		fi
	done 2>/dev/null
}

@test "20 phones are locked, and trust again; twice; and nothing is left running" {
	tell
	"$dir/clone/build/demo/itlctl" show status
	"$dir/clone/build/demo/itlctl" audit verify
	# Each node serves its own list again, and its phones hold it.
	for name in test10pub test10sub; do
		list=$(sha1sum <"$dir/clone/build/demo/tftp/$name/ITLFile.tlv")
		[ "$("$dir/clone/build/demo/phones" show | grep -c " ${list%% *} ")" = 10 ]
	done
	[ "$(left_running "$dir/clone/build/demo")" != "" ]
	tell # while the first one runs
	"$dir/clone/packaging/quickstart" --stop
	[ "$(left_running "$dir/clone/build/demo")" = "" ]
	run "$dir/clone/packaging/quickstart" --stop # again: nothing to do
	[ "$status" = 0 ]
}

@test "without the folder of a build it says so, and starts nothing" {
	for folder in "" "$dir"; do
		run "$dir/clone/packaging/quickstart" --build ${folder:+"$folder"}
		[ "$status" = 1 ]
		[[ $output == *"--build wants the folder of a build: there is no ${folder:-DIR}/bin/itlkeeperd"* ]]
	done
	[ ! -e "$dir/clone/build" ]
}

@test "in a clone that is closed to other users it is staged in /var/tmp" {
	chmod 0700 "$dir/clone"
	tell
	place=$(readlink "$dir/clone/build/demo")
	[[ $place == /var/tmp/itlkeeper-demo.* ]]
	[ "$(stat -c '%U %a' "$place")" = "root 711" ]
	"$dir/clone/build/demo/itlctl" show itl
	"$dir/clone/packaging/quickstart" --stop
	[ "$(left_running "$place")" = "" ]
}
