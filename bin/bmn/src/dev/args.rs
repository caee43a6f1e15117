//! The arguments of `bmn dev`.

use super::deploy::args::DeployArgs;
use clap::{Args, Subcommand, ValueEnum};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

const EXAMPLES: &str = "\
Examples:
  bmn dev                                    two chains and a resolver until Ctrl-C
  bmn dev --data-dir ./dev                   the same, kept across restarts
  bmn dev --swaps 20                         settle 20 swaps and show the table
  bmn dev --swaps 60 --scenario mixed --seed 7 --json
  bmn dev --swaps 5 --realtime               wait by the wall clock, measure latencies
  bmn dev --rate 1 --reorgs 1%               an order a second, 1 of 100 blocks reorganised, until Ctrl-C
  bmn dev --rate 1 --for 30m --json          the same for half an hour, figures as JSON at the end
  bmn dev deploy --rpc http://127.0.0.1:8545 the contracts, on a node of your own";

/// Run two development chains with a resolver, or simulate swaps on them.
///
/// Without --swaps both chains and the resolver serve JSON-RPC until Ctrl-C, the resolver's operator methods
/// included, without a key, as long as --host is a loopback address; a fourth port has /health and /metrics. With --swaps a seeded
/// simulation settles that many swaps in virtual time and ends with 0 only if all ended as they
/// should and every balance adds up; with --json the last line of stdout is one JSON object.
/// With --rate makers hand in orders by the wall clock at that rate; every minute a line on stderr says how
/// it goes, and the run ends with 0 only if no swap was lost and every balance adds up.
#[derive(Debug, Clone, PartialEq, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct DevArgs {
    #[command(subcommand)]
    pub(crate) command: Option<DevCommand>,

    /// Settle this many swaps, then stop.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) swaps: Option<u32>,

    /// What happens during the swaps.
    #[arg(long, value_enum, default_value_t, requires = "swaps")]
    pub(crate) scenario: Scenario,

    /// Everything random comes from this: the same seed gives the same run.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Let blocks come by the wall clock instead of skipping every wait.
    #[arg(long, requires = "swaps")]
    pub(crate) realtime: bool,

    /// Hand in so many orders a second.
    #[arg(long, value_name = "ORDERS", conflicts_with_all = ["swaps", "realtime"], value_parser = rate)]
    pub(crate) rate: Option<f64>,

    /// Of a hundred blocks, how many begin a reorg, as in 1%.
    #[arg(long, value_name = "PERCENT", requires = "rate", value_parser = percent)]
    pub(crate) reorgs: Option<f64>,

    /// Hand in orders for so long, as in 90s, 30m or 2h; without it until Ctrl-C.
    #[arg(long = "for", value_name = "TIME", requires = "rate", value_parser = duration)]
    pub(crate) length: Option<Duration>,

    /// Archive and remove orders that ended so long ago, as in 60s, and take what was over by then out of the
    /// index; without it all is kept.
    #[arg(long, value_name = "TIME", requires = "rate", value_parser = duration)]
    pub(crate) keep_orders: Option<Duration>,

    /// Keep chains and resolver here across restarts; without it they are gone at the end.
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Seconds by which chain B's clock is ahead of chain A's.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 0,
        allow_negative_numbers = true,
        value_parser = clap::value_parser!(i64).range(-60..=60)
    )]
    pub(crate) skew: i64,

    /// Address to listen on.
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub(crate) host: IpAddr,

    /// First of four ports: chain A, chain B, resolver, operations. 0 takes any free ones.
    #[arg(
        long,
        value_name = "PORT",
        default_value_t = 8545,
        value_parser = clap::value_parser!(u16).range(0..=65_532)
    )]
    pub(crate) ports: u16,

    /// Log what the resolver does.
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= 20.0 => Ok(rate),
        _ => Err("a number above 0 and up to 20, as in 0.5".to_owned()),
    }
}

fn percent(text: &str) -> Result<f64, String> {
    match text.strip_suffix('%').unwrap_or(text).parse::<f64>() {
        Ok(percent) if (0.0..=50.0).contains(&percent) => Ok(percent),
        _ => Err("a percentage from 0% to 50%, as in 1%".to_owned()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let form = || "a whole number of seconds, minutes or hours, as in 90s, 30m or 2h".to_owned();
    let unit = text.chars().last().ok_or_else(form)?;
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        _ => return Err(form()),
    };
    let count: u64 = text.trim_end_matches(unit).parse().map_err(|_| form())?;
    let total = count.checked_mul(seconds).filter(|total| *total > 0).ok_or_else(form)?;
    Ok(Duration::from_secs(total))
}

/// What else is done for development.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub(crate) enum DevCommand {
    /// Deploy and fund the development contracts on a node of a development chain.
    Deploy(DeployArgs),
}

/// What happens during a simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Scenario {
    /// Every maker discloses in time.
    #[default]
    Happy,
    /// Makers and chains that behave in every way they can.
    Mixed,
    /// Nobody discloses: both legs go back.
    Cancel,
    /// Reorgs of every survivable depth in every state.
    Reorg,
    /// The resolver dies at every storage operation and chain call, and comes back.
    Crash,
}

impl DevArgs {
    /// Where chain A, chain B and the resolver listen.
    pub(crate) fn addresses(&self) -> [SocketAddr; 3] {
        [0, 1, 2].map(|offset| self.address(offset))
    }

    /// Where the operations port is.
    pub(crate) fn operations(&self) -> SocketAddr {
        self.address(3)
    }

    fn address(&self, offset: u16) -> SocketAddr {
        let port = if self.ports == 0 { 0 } else { self.ports + offset };
        SocketAddr::new(self.host, port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: DevArgs,
    }

    fn parse(line: &str) -> Result<DevArgs, clap::Error> {
        Line::try_parse_from(format!("dev {line}").split_whitespace()).map(|line| line.args)
    }

    #[test]
    fn ports_follow_each_other_or_are_any() {
        let ports = |line| parse(line).unwrap().addresses().map(|address| address.port());
        assert_eq!(ports(""), [8545, 8546, 8547]);
        assert_eq!(ports("--ports 9000"), [9000, 9001, 9002]);
        assert_eq!(ports("--ports 0"), [0, 0, 0]);
        let operations = |line| parse(line).unwrap().operations().port();
        assert_eq!(
            [operations(""), operations("--ports 65532"), operations("--ports 0")],
            [8548, 65535, 0]
        );
        assert_eq!(parse("--host ::1").unwrap().addresses()[0].to_string(), "[::1]:8545");
    }

    #[test]
    fn simulations_take_their_options_and_others_do_not() {
        let args = parse("--swaps 60 --scenario mixed --seed 7 --skew -5").unwrap();
        assert_eq!(
            (args.swaps, args.scenario, args.seed, args.skew),
            (Some(60), Scenario::Mixed, 7, -5)
        );
        let args = parse("--rate 0.5 --reorgs 1% --for 30m --keep-orders 90s").unwrap();
        assert_eq!((args.rate, args.reorgs), (Some(0.5), Some(1.0)));
        assert_eq!(
            (args.length, args.keep_orders),
            (Some(Duration::from_secs(1_800)), Some(Duration::from_secs(90)))
        );
        for wrong in [
            "--scenario mixed",
            "--realtime",
            "--swaps 0",
            "--ports 65533",
            "--scenario sad",
            "--skew 61",
            "--rate 0",
            "--rate 1 --swaps 3",
            "--reorgs 1%",
            "--rate 1 --reorgs 51%",
            "--rate 1 --for 30",
            "--rate 1 --for 0m",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
