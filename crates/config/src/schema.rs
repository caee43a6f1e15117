//! Every key, for people and for programs. A test compares the list with what the reader asks for.

use KeyKind::{Command, List, Number, Switch, Text, Value};

/// What a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// A text.
    Text,
    /// A whole number.
    Number,
    /// True or false.
    Switch,
    /// A list of texts.
    List,
    /// A text, or a list of texts: a program and its arguments.
    Command,
    /// A text or a list of texts.
    Value,
}

impl KeyKind {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Text => "text",
            Number => "number",
            Switch => "true/false",
            List => "list",
            Command => "program",
            Value => "text or list",
        }
    }
}

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its path; `[]` stands for every position of a list.
    pub path: &'static str,
    /// What it takes.
    pub kind: KeyKind,
    /// The unit of its value; empty where there is none.
    pub unit: &'static str,
    /// Whether it can be changed while the node runs.
    pub live: bool,
    /// Whether its value may be or hold a secret: it is not shown in full, and taken from no flag.
    pub secret: bool,
    /// What it is.
    pub what: &'static str,
}

impl Key {
    pub(crate) const fn is_text(&self) -> bool {
        matches!(self.kind, Text)
    }
}

const LIVE: bool = true;
const RESTART: bool = false;
const SECRET: bool = true;
const PLAIN: bool = false;

const fn key(
    path: &'static str,
    kind: KeyKind,
    unit: &'static str,
    live: bool,
    secret: bool,
    what: &'static str,
) -> Key {
    Key { path, kind, unit, live, secret, what }
}

/// Every key of the configuration of a node. The file of a chain specification has keys of its own.
#[rustfmt::skip]
pub const KEYS: [Key; 104] = [
    key("profile", Text, "", LIVE, PLAIN, "whose defaults hold: test or mainnet; of itself by the chains"),
    key("data_dir", Text, "", RESTART, PLAIN, "database and master key, relative to the file"),
    key("rpc", Text, "address", RESTART, PLAIN, "where the public methods are served"),
    key("operations", Text, "address", RESTART, PLAIN, "where health, metrics and the REST interface are served"),
    key("admin_rpc", Text, "address", RESTART, PLAIN, "where the operator's methods are served"),
    key("jwt_secret", Text, "", RESTART, PLAIN, "file with the key of admin_rpc"),
    key("cors", Value, "origins", RESTART, PLAIN, "web pages that may call the public methods"),
    key("hosts", List, "names", RESTART, PLAIN, "names under which the public server may be asked for"),
    key("submissions", Switch, "", RESTART, PLAIN, "whether orders and secrets are taken"),
    key("rpc_limits.requests_per_second", Number, "per second", RESTART, PLAIN, "requests of one client; 0 is no limit"),
    key("rpc_limits.burst", Number, "requests", RESTART, PLAIN, "so many at once after a pause"),
    key("rpc_limits.concurrent", Number, "requests", RESTART, PLAIN, "of one client worked on at once"),
    key("rpc_limits.request_secs", Number, "s", RESTART, PLAIN, "longest that a request is worked on"),
    key("rpc_limits.connections", Number, "connections", RESTART, PLAIN, "open ones of all clients"),
    key("rpc_limits.client_connections", Number, "connections", RESTART, PLAIN, "open ones of one client"),
    key("mode", Text, "", RESTART, PLAIN, "mode at the very first start: full, shadow or percent=N"),
    key("index_only", Switch, "", RESTART, PLAIN, "follow and answer, never act"),
    key("signer.key_env", Text, "", RESTART, PLAIN, "variable that holds the key"),
    key("signer.key_file", Text, "", RESTART, PLAIN, "file that holds the key"),
    key("signer.key_command", Command, "", RESTART, SECRET, "program whose first line is the key"),
    key("signer.keystore", Text, "", RESTART, PLAIN, "encrypted keystore file, version 3"),
    key("signer.remote", Text, "URL", RESTART, SECRET, "remote signer"),
    key("signer.password_env", Text, "", RESTART, PLAIN, "variable that holds the keystore's password"),
    key("signer.password_file", Text, "", RESTART, PLAIN, "file that holds the keystore's password"),
    key("signer.password_command", Command, "", RESTART, SECRET, "program whose first line is the keystore's password"),
    key("signer.account", Text, "address", RESTART, PLAIN, "account that the remote signer signs for"),
    key("signer.max_gas_fee", Number, "wei", RESTART, PLAIN, "most that is ever bid for a unit of gas"),
    key("signer.daily_caps[].chain", Number, "chain id", RESTART, PLAIN, "chain of a cap"),
    key("signer.daily_caps[].token", Text, "address", RESTART, PLAIN, "token of a cap; the coin without"),
    key("signer.daily_caps[].most", Number, "base units", RESTART, PLAIN, "most that goes out in a day"),
    key("policy.min_profit_bps", Number, "bps", LIVE, PLAIN, "least profit after gas"),
    key("policy.max_order_value", Number, "millionths", LIVE, PLAIN, "largest source value of one order"),
    key("policy.maker_reaction_secs", Number, "s", LIVE, PLAIN, "what the maker is given to disclose"),
    key("policy.max_window_secs", Number, "s", LIVE, PLAIN, "longest time our tokens may be locked"),
    key("policy.allow_direct_source", Switch, "", LIVE, PLAIN, "serve source escrows that others created naming us"),
    key("policy.cancel_refused_gas", Number, "gas", LIVE, PLAIN, "spent on giving back a refused direct source escrow"),
    key("policy.max_open_orders", Number, "orders", LIVE, PLAIN, "open at the same time"),
    key("policy.min_profit_value", Number, "millionths", LIVE, PLAIN, "least profit on the worst path that completes"),
    key("policy.slippage_bps", Number, "bps", LIVE, PLAIN, "share of the value that its price may lose until it is sold"),
    key("policy.gas_stress_percent", Number, "%", LIVE, PLAIN, "fees that the worst path is counted with"),
    key("policy.failure_share_bps", Number, "bps", LIVE, PLAIN, "swaps that are expected to fail once both legs stand"),
    key("policy.max_failure_cost", Number, "millionths", LIVE, PLAIN, "most that a failed swap may cost"),
    key("policy.min_time_left_secs", Number, "s", LIVE, PLAIN, "least time until the source can be cancelled"),
    key("policy.max_token_value", Number, "millionths", LIVE, PLAIN, "most that may be open in a token of a chain"),
    key("policy.max_maker_value", Number, "millionths", LIVE, PLAIN, "most that may be open with a maker"),
    key("policy.max_route_value", Number, "millionths", LIVE, PLAIN, "most that may be open from one chain to another"),
    key("policy.max_factory_value", Number, "millionths", LIVE, PLAIN, "most that may be open through a destination factory"),
    key("policy.refunds_per_day", Number, "escrows", LIVE, PLAIN, "refused source escrows given back on a day of a chain"),
    key("policy.refund_gas_per_day_wei", Number, "wei", LIVE, PLAIN, "most for their gas on a day of a chain"),
    key("policy.refused_days", Number, "days", LIVE, PLAIN, "refused orders are kept; 0 is for ever"),
    key("policy.refused_rows", Number, "orders", LIVE, PLAIN, "refused ones that are kept at most"),
    key("policy.routes[].from", Number, "chain id", LIVE, PLAIN, "source chain of a cap"),
    key("policy.routes[].to", Number, "chain id", LIVE, PLAIN, "destination chain of a cap"),
    key("policy.routes[].max_value", Number, "millionths", LIVE, PLAIN, "most that may be open on that route"),
    key("policy.allow_makers", List, "addresses", LIVE, PLAIN, "makers that are served; all where empty"),
    key("policy.deny_makers", List, "addresses", LIVE, PLAIN, "makers that are not served"),
    key("policy.allow_tokens", List, "addresses", LIVE, PLAIN, "tokens that are settled; all known where empty"),
    key("policy.deny_tokens", List, "addresses", LIVE, PLAIN, "tokens that are not settled"),
    key("keeper.enabled", Switch, "", RESTART, PLAIN, "finish strangers' swaps"),
    key("keeper.min_gain", Number, "millionths", RESTART, PLAIN, "least that one brings on average"),
    key("keeper.gas_per_day_wei", Number, "wei", RESTART, PLAIN, "most for gas on a day of a chain"),
    key("keeper.max_open", Number, "transactions", RESTART, PLAIN, "not settled yet, on a chain"),
    key("keeper.max_watched", Number, "swaps", RESTART, PLAIN, "watched at the same time"),
    key("keeper.win_bps", Number, "bps", RESTART, PLAIN, "how often our transaction is the first"),
    key("keeper.lost_gas", Number, "gas", RESTART, PLAIN, "used by one that comes second"),
    key("keeper.quiet_blocks", Number, "blocks", RESTART, PLAIN, "nothing is sent when a job of our own is due so soon"),
    key("chains[].spec", Text, "", RESTART, PLAIN, "built-in name or the path of a specification"),
    key("chains[].endpoints", List, "URLs", RESTART, SECRET, "nodes to ask, best first"),
    key("chains[].agreement", Number, "endpoints", RESTART, PLAIN, "must name the same block"),
    key("chains[].start_block", Number, "block", RESTART, PLAIN, "first block that is read; else the specification's"),
    key("chains[].poll_ms", Number, "ms", RESTART, PLAIN, "between looks at the head"),
    key("chains[].private_endpoint", Text, "URL", RESTART, SECRET, "where transactions are sent that nobody is to see"),
    key("chains[].private_fallback_blocks", Number, "blocks", RESTART, PLAIN, "without inclusion before they go to the endpoints"),
    key("schedules.timelock_monitor", Text, "cron, UTC", LIVE, PLAIN, "looks for windows that close soon; or off"),
    key("schedules.state_sync", Text, "cron, UTC", LIVE, PLAIN, "compares the index with the chains; or off"),
    key("schedules.cancellation_check", Text, "cron, UTC", LIVE, PLAIN, "looks for cancellations due; or off"),
    key("schedules.state_persistence", Text, "cron, UTC", LIVE, PLAIN, "checks that the database is whole; or off"),
    key("schedules.order_cleanup", Text, "cron, UTC", LIVE, PLAIN, "puts away what has ended; or off"),
    key("schedules.balance_monitor", Text, "cron, UTC", LIVE, PLAIN, "compares balances with [balances]; or off"),
    key("schedules.health_check", Text, "cron, UTC", LIVE, PLAIN, "asks every part how it is; or off"),
    key("schedules.metrics_aggregator", Text, "cron, UTC", LIVE, PLAIN, "sums up figures by window; or off"),
    key("schedules.daily_report", Text, "cron, UTC", LIVE, PLAIN, "sums up the day; or off"),
    key("schedules.daily_backup", Text, "cron, UTC", LIVE, PLAIN, "copies the database; or off"),
    key("alerts.webhook", Text, "URL", LIVE, SECRET, "where alerts are posted"),
    key("alerts.webhook_secret", Text, "", LIVE, SECRET, "where the secret is that posts are signed with"),
    key("alerts.min_severity", Text, "", LIVE, PLAIN, "least that is posted: info, warning or critical"),
    key("alerts.repeat_secs", Number, "s", LIVE, PLAIN, "after which one that still holds is posted again"),
    key("alerts.heartbeat", Text, "URL", LIVE, SECRET, "called as long as everything runs"),
    key("alerts.heartbeat_secs", Number, "s", LIVE, PLAIN, "between two such calls"),
    key("alerts.timelock_secs", Number, "s", LIVE, PLAIN, "a window that closes within is an alert"),
    key("alerts.queue_depth", Number, "jobs", LIVE, PLAIN, "more that wait are one"),
    key("alerts.lag_blocks", Number, "blocks", LIVE, PLAIN, "a chain further behind is one"),
    key("alerts.capacity_percent", Number, "%", LIVE, PLAIN, "of policy.max_open_orders from which on it is one"),
    key("balances.coin", Number, "wei", RESTART, PLAIN, "least of the coin of a chain that has no line of its own"),
    key("balances.least[].chain", Number, "chain id", RESTART, PLAIN, "chain of a threshold"),
    key("balances.least[].token", Text, "address", RESTART, PLAIN, "token of a threshold; the coin without"),
    key("balances.least[].amount", Number, "base units", RESTART, PLAIN, "below it somebody is told"),
    key("backup.directory", Text, "", RESTART, PLAIN, "where copies go; backups in data_dir without"),
    key("backup.keep", Number, "copies", RESTART, PLAIN, "newest ones that are kept"),
    key("retention.orders_days", Number, "days", RESTART, PLAIN, "orders that have ended; 0 is for ever"),
    key("retention.index_days", Number, "days", RESTART, PLAIN, "events and ended escrows of every chain; 0 is for ever"),
    key("telemetry.filter", Text, "", LIVE, PLAIN, "what is logged; BMN_LOG comes before it"),
    key("telemetry.log_format", Text, "", RESTART, PLAIN, "text or json"),
    key("telemetry.otlp", Text, "URL", RESTART, SECRET, "where spans are sent"),
];

/// The key of a path as it stands in a configuration (`chains[0].endpoints`).
pub fn key_of(path: &str) -> Option<&'static Key> {
    let parts: Vec<String> = path.split(['.', '[']).map(|it| it.replace(']', "")).collect();
    find(&parts)
}

/// The same for a path in its parts.
pub(crate) fn find(path: &[String]) -> Option<&'static Key> {
    KEYS.iter().find(|key| {
        let mut parts = path.iter().map(String::as_str);
        let is_position = |part: Option<&str>| {
            part.is_some_and(|it| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let matches = key.path.split('.').all(|segment| match segment.strip_suffix("[]") {
            Some(list) => parts.next() == Some(list) && is_position(parts.next()),
            None => parts.next() == Some(segment),
        });
        matches && parts.next().is_none()
    })
}
