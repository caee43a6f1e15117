# One data directory, one process. Needs lib.sh, $bmn and $work, with bmn dev running.

refuses_a_second_instance() {
  local code=0
  timeout 30 "$bmn" dev --ports 0 --data-dir "$work/data" >"$work/second" 2>&1 || code=$?
  expect "exit code of a second instance on the same directory" 1 "$code"
  expect_match "its error" 'is in use by another process' "$(cat "$work/second")"
}
