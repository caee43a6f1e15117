# Shared by the steps. Sourced from the root of the repository.
ci_out=${CARGO_TARGET_DIR:-target}/ci-out
mkdir -p "$ci_out"

# Node runs the Solidity compiler and reads JSON; it is not needed to build or use the product.
need_node() {
  if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    echo "installing nodejs and npm"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm
  fi
  local major platform
  major=$(node -p 'process.versions.node.split(".")[0]')
  if ((major >= 20)); then return; fi
  # Distributions lag behind what the example's libraries ask for.
  platform=node-linux-$(node -p process.arch)
  echo "Node.js $major is too old: installing $platform"
  npm install --prefix "$ci_out/node" --no-save --no-audit --no-fund "$platform@22"
  PATH=$(realpath "$ci_out/node/node_modules/$platform/bin"):$PATH
  export PATH
}

# run_dev NAME ARG...: `bmn dev ARG... --json`; keeps its output as NAME.out and its last line as
# NAME.json.
run_dev() {
  local name=$1
  shift
  local start=$SECONDS
  echo "--- cargo run --release --locked -- dev $* --json"
  if ! cargo run --quiet --release --locked -- dev "$@" --json >"$ci_out/$name.out"; then
    echo "$name: the command failed; its last lines were:" >&2
    tail -n 40 "$ci_out/$name.out" >&2
    return 1
  fi
  tail -n 1 "$ci_out/$name.out" >"$ci_out/$name.json"
  echo "--- $name took $((SECONDS - start)) s"
}
