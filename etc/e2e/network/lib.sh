# Shared by the parts of the check `dev-network`. Sourced from the root of the repository.

fail() {
  echo "$*" >&2
  exit 1
}

# expect NAME WANTED FOUND: both are the same text.
expect() {
  [[ $2 == "$3" ]] || fail "$1: expected '$2', found '$3'"
  echo "  ok  $1: ${3:0:70}"
}

# expect_match NAME PATTERN FOUND: the extended regular expression is somewhere in it.
expect_match() {
  [[ $3 =~ $2 ]] || fail "$1: expected a match of '$2', found '$3'"
  echo "  ok  $1: ${BASH_REMATCH[0]:0:70}"
}

# expect_more NAME LESS MORE: two whole numbers, the second is larger. Node compares, since wei do not
# fit the shell's numbers.
expect_more() {
  node -e 'process.exit(BigInt(process.argv[1]) < BigInt(process.argv[2]) ? 0 : 1)' "$2" "$3" ||
    fail "$1: expected more than '$2', found '$3'"
  echo "  ok  $1: $3"
}

# json EXPRESSION: a part of the JSON on stdin, as in `json .chains[0].url`.
json() {
  node -e '
    const value = JSON.parse(require("fs").readFileSync(0, "utf8"));
    const part = new Function("value", `return value${process.argv[1]}`)(value);
    console.log(part !== null && typeof part === "object" ? JSON.stringify(part) : String(part));
  ' "$1"
}

# within SECONDS WHAT COMMAND...: repeats the command until it succeeds.
within() {
  local deadline=$((SECONDS + $1)) seconds=$1 what=$2
  shift 2
  until "$@"; do
    ((SECONDS < deadline)) || fail "$what did not happen within $seconds s"
    sleep 0.3
  done
}

# rpc URL METHOD [PARAMS]: the result, as JSON; an error is a failure that shows it.
rpc() {
  local answer
  answer=$(curl --silent --show-error --max-time 10 --header 'content-type: application/json' \
    --data "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"$2\",\"params\":${3:-[]}}" "$1") || return
  if [[ $answer == *'"error"'* ]]; then
    echo "$2: $answer" >&2
    return 1
  fi
  json .result <<<"$answer"
}
