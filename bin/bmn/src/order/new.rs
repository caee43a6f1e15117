//! `bmn order new`.

use super::{filling::FillArgs, read, secrets::SecretArgs, times::TimeArgs};
use crate::{
    address, amount,
    chains::{self, ChainArgs, Token},
    failure::Failure,
    files, node,
    output::Output,
};
use alloy::primitives::{Address, U256};
use bmn_config::{ChainSpec, FactorySpec};
use bmn_contracts::{ExtraData, OrderDraft, OrderFile, order_domain};
use bmn_primitives::{AddressWord, Dialect};
use clap::Args;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples, against `bmn dev`:
  bmn order new --from-chain 1337 --to-chain 1338 --sell 1.5 TKA --buy 2.9 USDX \\
      --maker 0x90F79bf6EB2c4f870365E785982E1f101E93b906 --secret-file secret.txt -o order.json
  bmn order sign order.json --dev-account 3
  bmn order submit order.json

An order of 1inch, in four parts, with safety deposits and other times:
  bmn order new --dialect oneinch2 --from-chain 1337 --to-chain 1338 --sell 1000 TKA --buy 1950 USDX \\
      --maker 0x90F79bf6EB2c4f870365E785982E1f101E93b906 --parts 4 --secret-file secrets.txt \\
      --deposit 0.001 --src-deposit 0.001 --offset src-cancellation=900 --expires-in 600 -o order.json

The maker must have approved the chain's limit-order contract for the amount sold. Keep the secret
file to yourself until the destination escrow is there and verified; of an order in parts, give one
secret a part (`bmn secret submit`).";

/// Make an unsigned order.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct NewArgs {
    /// Chain to sell on, by name or id.
    #[arg(long, value_name = "CHAIN")]
    from_chain: String,

    /// Chain to buy on, by name or id.
    #[arg(long, value_name = "CHAIN")]
    to_chain: String,

    /// What is sold: amount in whole tokens, and the token's symbol or address.
    #[arg(long, num_args = 2, value_names = ["AMOUNT", "TOKEN"])]
    sell: Vec<String>,

    /// What is bought: amount in whole tokens, and the token's symbol or address.
    #[arg(long, num_args = 2, value_names = ["AMOUNT", "TOKEN"])]
    buy: Vec<String>,

    /// Owner of what is sold, who will sign.
    #[arg(long, value_name = "ADDRESS", value_parser = address::parse)]
    maker: Address,

    /// Who is paid on the destination chain; the maker unless given.
    #[arg(long, value_name = "ADDRESS", value_parser = address::parse)]
    receiver: Option<Address>,

    /// Dialect of the order: bmn4, bmn302, oneinch1 or oneinch2. Unless given, bmn4 where the source chain
    /// has it, else the only one that it has.
    #[arg(long, value_name = "NAME", value_parser = chains::filled_dialect)]
    dialect: Option<Dialect>,

    /// Factory to use instead of the chain's first one of the dialect.
    #[arg(long, value_name = "ADDRESS", value_parser = address::parse)]
    factory: Option<Address>,

    /// Safety deposit of the destination escrow, in whole native coins.
    #[arg(long, value_name = "AMOUNT", default_value = "0")]
    deposit: String,

    /// 1inch: safety deposit of the source escrow, in whole native coins.
    #[arg(long, value_name = "AMOUNT", default_value = "0")]
    src_deposit: String,

    /// JSON-RPC of the source chain: the order's times count from its newest block.
    #[arg(long, value_name = "URL", env = "BMN_CHAIN_RPC")]
    chain_rpc: Option<String>,

    /// File to write; stdout unless given. An existing file is not overwritten.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    chains: ChainArgs,

    #[command(flatten)]
    times: TimeArgs,

    #[command(flatten)]
    filling: FillArgs,

    #[command(flatten)]
    secrets: SecretArgs,
}

/// The chains of an order, and the factory it is for.
#[derive(Clone, Copy)]
struct Route<'a> {
    source: &'a ChainSpec,
    destination: &'a ChainSpec,
    factory: &'a FactorySpec,
}

impl NewArgs {
    fn amount(spec: &ChainSpec, flag: &str, given: &[String]) -> Result<(Token, U256), Failure> {
        let [text, token] = given else {
            return Err(Failure::Usage(format!("--{flag}: expected AMOUNT TOKEN")));
        };
        let token = chains::token(spec, token)?;
        let units = amount::parse(text, token.decimals)
            .map_err(|error| Failure::Usage(format!("--{flag}: {error}")))?;
        if units.is_zero() {
            return Err(Failure::Usage(format!("--{flag}: the amount is zero")));
        }
        Ok((token, units))
    }

    fn deposits(&self, route: Route<'_>) -> Result<U256, Failure> {
        let wei = |flag: &str, text: &str, chain: &ChainSpec| {
            let wrong = |error: String| Failure::Usage(format!("--{flag}: {error}"));
            let wei = amount::parse(text, chain.native.decimals).map_err(wrong)?;
            u128::try_from(wei).map_err(|_| wrong("does not fit 128 bits".to_owned()))
        };
        let source = wei("src-deposit", &self.src_deposit, route.source)?;
        let destination = wei("deposit", &self.deposit, route.destination)?;
        let dialect = route.factory.dialect;
        if dialect.has_absolute_times() && source != 0 {
            return Err(Failure::Usage(format!(
                "--src-deposit: expected 0 for {dialect}: its factory does not fund the deposit, and the \
                 source escrow could never be opened"
            )));
        }
        Ok(ExtraData::pack_deposits(dialect, source, destination))
    }

    /// The order's file and its secrets; `now` is the time of the source chain's newest block.
    fn file(
        &self,
        route: Route<'_>,
        now: u64,
        random: impl Fn() -> Result<[u8; 32], Failure>,
    ) -> Result<(OrderFile, super::secrets::Locks), Failure> {
        let Route { source, destination, factory } = route;
        let dialect = factory.dialect;
        let sell = Self::amount(source, "sell", &self.sell)?;
        if sell.0.address.is_zero() {
            return Err(Failure::Usage("--sell: a native coin cannot be sold; wrap it".to_owned()));
        }
        let buy = Self::amount(destination, "buy", &self.buy)?;
        // A real taker asset would be paid on the source chain, on top of the destination.
        let taker_asset = source.true_tokens.first().copied().ok_or_else(|| {
            Failure::Usage(format!("{} has no always-true taker token", source.name))
        })?;
        let entropy = U256::from_be_bytes(random()?);
        let in_parts = self.secrets.is_in_parts();
        let traits = self.filling.traits(dialect, in_parts, entropy.as_limbs()[0])?;
        let (maker_traits, timelocks) =
            (self.times.expire(traits, dialect, now)?, self.times.word(dialect, now)?);
        let fill_terms = self.filling.terms(dialect, source, now)?;
        let deposits = self.deposits(route)?;
        let locks = self.secrets.make(dialect, random)?;
        let draft = OrderDraft {
            dialect,
            factory: factory.address,
            maker: self.maker.into(),
            receiver: self.receiver.map_or(AddressWord::ZERO, AddressWord::from),
            maker_asset: sell.0.address.into(),
            making_amount: sell.1,
            taker_asset: taker_asset.into(),
            taking_amount: buy.1,
            extra: ExtraData {
                hashlock: locks.word,
                dst_chain_id: U256::from(destination.chain_id.0),
                dst_token: buy.0.address.into(),
                deposits,
                timelocks,
            },
            fill_terms,
            maker_traits,
            entropy,
        };
        let domain = order_domain(dialect, source.chain_id, factory.limit_order_protocol);
        let wrong =
            |error: bmn_contracts::OrderError| Failure::Usage(format!("--resolver: {error}"));
        let file = draft.file(&domain).map_err(wrong)?;
        let secret_hashes = locks.secret_hashes.iter().map(ToString::to_string).collect();
        Ok((OrderFile { secret_hashes, ..file }, locks))
    }

    // The ports of `bmn dev`; any other chain has to be named.
    fn chain_rpc(&self, chain: u64) -> Result<String, Failure> {
        match (&self.chain_rpc, chain) {
            (Some(url), _) => Ok(url.clone()),
            (None, 1337) => Ok("http://127.0.0.1:8545".to_owned()),
            (None, 1338) => Ok("http://127.0.0.1:8546".to_owned()),
            (None, other) => Err(Failure::Usage(format!(
                "--chain-rpc is needed: the order's times count from the newest block of chain {other}"
            ))),
        }
    }
}

/// Makes the order.
pub(super) async fn run(args: &NewArgs, output: &Output) -> Result<(), Failure> {
    let chains = args.chains.load()?;
    let source = chains.named(&args.from_chain)?;
    let destination = chains.named(&args.to_chain)?;
    if source.chain_id == destination.chain_id {
        return Err(Failure::Usage("--to-chain is the same chain as --from-chain".to_owned()));
    }
    let factory = chains::factory_for(source, args.dialect, args.factory)?;
    // Whatever is wrong is said before a chain is asked.
    let route = Route { source, destination, factory };
    args.file(route, 1, || Ok([1; 32]))?;
    let now = node::chain_time(&args.chain_rpc(source.chain_id.0)?, source.chain_id.0).await?;
    let (file, locks) = args.file(route, now, random)?;
    // The secrets are on disk before the order that commits to them exists anywhere.
    if let Some(path) = args.secrets.keep(&locks)? {
        let path = path.display();
        match locks.secret_hashes.len() {
            0 => output.note(&format!("secret written to {path} (mode 0600): keep it")),
            count => {
                output.note(&format!("{count} secrets written to {path} (mode 0600): keep them"));
            }
        }
    }
    deliver(&file, factory.dialect, args.output.as_deref(), output)
}

fn deliver(
    file: &OrderFile,
    dialect: Dialect,
    path: Option<&Path>,
    output: &Output,
) -> Result<(), Failure> {
    let text = read::write(file)?;
    let Some(path) = path else { return output.line(text.trim_end()) };
    files::create(path, &text)?;
    output.note(&format!("unsigned order written to {}", path.display()));
    let (hash, lock) = (&file.order_hash, &file.hashlock);
    let parts = file.secret_hashes.len().checked_sub(1);
    let told = serde_json::json!({
        "orderHash": hash, "hashlock": lock, "dialect": dialect, "parts": parts,
    });
    output.result(&told, || {
        let shown = |value: &Option<String>| value.clone().unwrap_or_default();
        let mut fields = vec![("order hash", shown(hash)), ("hashlock", shown(lock))];
        fields.push(("dialect", dialect.to_string()));
        fields.extend(parts.map(|parts| ("parts", parts.to_string())));
        crate::output::fields(&fields)
    })
}

fn random() -> Result<[u8; 32], Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::Usage(format!("no randomness from the operating system: {error}"))
    })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::B256;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: NewArgs,
    }

    fn parse(more: &str) -> NewArgs {
        let line = format!(
            "new --from-chain 1337 --to-chain 1338 --sell 1.5 TKA --buy 2.9 USDX --maker {} \
             --secret-file s {more}",
            Address::repeat_byte(1)
        );
        Line::try_parse_from(line.split_whitespace()).unwrap().args
    }

    fn made(args: &NewArgs) -> Result<OrderFile, String> {
        let chains = args.chains.load().unwrap();
        let (source, destination) = (chains.named("1337").unwrap(), chains.named("1338").unwrap());
        let factory = chains::factory_for(source, args.dialect, args.factory);
        let factory = factory.map_err(|error| error.to_string())?;
        let route = Route { source, destination, factory };
        let file = args.file(route, 1_000, || Ok([7; 32]));
        file.map(|(file, _)| file).map_err(|error| error.to_string())
    }

    #[test]
    fn a_new_order_of_every_dialect_says_what_was_asked_and_agrees_with_itself() {
        for dialect in chains::FILLED {
            let source = if dialect.has_absolute_times() { "" } else { "--src-deposit 0.3" };
            let args = parse(&format!("--dialect {dialect} --deposit 0.5 {source}"));
            let file = made(&args).unwrap();
            let read = read::understand(&file, &args.chains.load().unwrap()).unwrap();
            assert_eq!(read.dialect, dialect);
            assert_eq!(read.order.making_amount.to_string(), "1500000000000000000");
            assert_eq!(read.order.taking_amount.to_string(), "2900000");
            assert_eq!(read.extra.dst_deposit(dialect).to_string(), "500000000000000000");
            let source = read.extra.src_deposit(dialect);
            assert_eq!(source.is_zero(), dialect.has_absolute_times(), "{source}");
            assert_eq!(read.fill_terms.is_some(), !dialect.has_absolute_times());
            let traits = read.order.maker_traits;
            assert!(traits.post_interaction() && traits.has_extension());
        }
        let args = parse("");
        let read = read::understand(&made(&args).unwrap(), &args.chains.load().unwrap()).unwrap();
        assert_eq!(read.dialect, Dialect::Bmn4);
        let times = (read.extra.src_cancellation(), read.extra.dst_withdrawal());
        assert_eq!(times, (2_800, 1_180));
    }

    #[test]
    fn an_order_in_parts_commits_to_its_secret_hashes() {
        for dialect in ["oneinch1", "oneinch2"] {
            let args = parse(&format!("--dialect {dialect} --parts 3"));
            let file = made(&args).unwrap();
            assert_eq!(file.secret_hashes.len(), 4);
            let chains = args.chains.load().unwrap();
            let read = read::understand(&file, &chains).unwrap();
            assert!(read.order.maker_traits.allow_multiple_fills());
            let mut moved = file.clone();
            moved.secret_hashes[1] = B256::repeat_byte(9).to_string();
            let error = read::understand(&moved, &chains).unwrap_err().to_string();
            assert!(error.contains("`secretHashes`"), "{error}");
        }
    }

    #[test]
    fn what_a_dialect_does_not_have_names_the_flag() {
        for (line, says) in [
            ("--src-deposit 1", "--src-deposit: expected 0 for bmn4"),
            ("--parts 4", "--parts: orders of bmn4 take one fill"),
            (
                "--dialect oneinch1 --dst-withdrawal-in 60",
                "--dst-withdrawal-in: orders of oneinch1",
            ),
            ("--dialect bmn302 --offset dst-withdrawal=60", "--offset: orders of bmn302"),
            ("--deposit x", "--deposit: `x`"),
        ] {
            let error = made(&parse(line)).unwrap_err();
            assert!(error.starts_with(says), "{error}");
        }
        let many = format!("--resolver {} ", Address::repeat_byte(3)).repeat(32);
        let error = made(&parse(&format!("--dialect oneinch1 {many}"))).unwrap_err();
        assert_eq!(error, "--resolver: a whitelist of 32 resolvers: at most 31");
    }

    #[test]
    fn a_file_that_contradicts_its_order_is_refused_by_field() {
        let args = parse("");
        let chains = args.chains.load().unwrap();
        let good = made(&args).unwrap();
        let other = Some(B256::repeat_byte(9).to_string());
        for (bad, field) in [
            (OrderFile { order_hash: other.clone(), ..good.clone() }, "orderHash"),
            (OrderFile { hashlock: other, ..good.clone() }, "hashlock"),
            (OrderFile { dst_chain_id: Some(10), ..good.clone() }, "dstChainId"),
        ] {
            let error = read::understand(&bad, &chains).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{field}` of the file is")), "{error}");
        }
        let mut moved = good;
        moved.order.making_amount = "1".to_owned();
        assert!(read::understand(&moved, &chains).is_err());
    }
}
