//! `bmn order new`.

use super::read;
use crate::{
    address, amount,
    chains::{self, ChainArgs, Token},
    failure::Failure,
    files, node,
    output::Output,
};
use alloy::primitives::{Address, B256, U256, hex};
use bmn_config::{ChainSpec, FactorySpec};
use bmn_contracts::{Extension, ExtraData, LimitOrder, MakerTraits, order_domain};
use bmn_primitives::{AddressWord, Hashlock, Secret};
use bmn_rpc_api::{OrderFile, OrderWords};
use clap::Args;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Example, against `bmn dev`:
  bmn order new --from-chain 1337 --to-chain 1338 --sell 1.5 TKA --buy 2.9 USDX \\
      --maker 0x90F79bf6EB2c4f870365E785982E1f101E93b906 --secret-file secret.txt -o order.json
  bmn order sign order.json --dev-account 3
  bmn order submit order.json

The maker must have approved the chain's limit-order contract for the amount sold. Keep the secret
file to yourself until the destination escrow is there and verified.";

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

    /// Seconds from the source chain's newest block to the start of destination withdrawal. The
    /// order must be filled before.
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    dst_withdrawal_in: u64,

    /// Seconds from the source chain's newest block to the source cancellation.
    #[arg(long, value_name = "SECONDS", default_value_t = 1_800)]
    src_cancellation_in: u64,

    /// Safety deposit of the destination escrow, in whole native coins.
    #[arg(long, value_name = "AMOUNT", default_value = "0")]
    deposit: String,

    /// Write a new random secret to this file (mode 0600); only its hash goes into the order.
    #[arg(long, value_name = "FILE", required_unless_present = "hashlock")]
    secret_file: Option<PathBuf>,

    /// Use a hashlock whose secret is kept elsewhere.
    #[arg(long, value_name = "HASH", conflicts_with = "secret_file")]
    hashlock: Option<B256>,

    /// Make the order void together with every other one of this nonce, instead of by its hash.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(0..1 << 40))]
    nonce: Option<u64>,

    /// Only this resolver may fill.
    #[arg(long, value_name = "ADDRESS", value_parser = address::parse)]
    resolver: Option<Address>,

    /// Factory to use instead of the chain's first one.
    #[arg(long, value_name = "ADDRESS", value_parser = address::parse)]
    factory: Option<Address>,

    /// JSON-RPC of the source chain: the order's times count from its newest block.
    #[arg(long, value_name = "URL", env = "BMN_CHAIN_RPC")]
    chain_rpc: Option<String>,

    /// File to write; stdout unless given. An existing file is not overwritten.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    chains: ChainArgs,
}

/// Everything an order is made of.
struct Draft<'a> {
    source: &'a ChainSpec,
    destination: &'a ChainSpec,
    factory: &'a FactorySpec,
    sell: (Token, U256),
    buy: (Token, U256),
    maker: Address,
    receiver: Address,
    deposit: u128,
    hashlock: Hashlock,
    dst_withdrawal: u64,
    src_cancellation: u64,
    traits: MakerTraits,
    entropy: U256,
}

impl Draft<'_> {
    fn file(&self) -> Result<OrderFile, Failure> {
        let dialect = self.factory.dialect;
        let extra = ExtraData {
            hashlock: self.hashlock,
            dst_chain_id: U256::from(self.destination.chain_id.0),
            dst_token: self.buy.0.address.into(),
            deposits: ExtraData::pack_deposits(dialect, 0, self.deposit),
            timelocks: ExtraData::pack_bmn_times(self.src_cancellation, self.dst_withdrawal),
        };
        let extension = Extension::post_interaction_only(self.factory.address, &extra.encode());
        // A real taker asset would be paid on the source chain, on top of the destination.
        let taker_asset = self.source.true_tokens.first().copied().ok_or_else(|| {
            Failure::Usage(format!("{} has no always-true taker token", self.source.name))
        })?;
        let order = LimitOrder {
            salt: LimitOrder::salt_for(&extension, self.entropy),
            maker: self.maker.into(),
            receiver: AddressWord::from(self.receiver),
            maker_asset: self.sell.0.address.into(),
            taker_asset: taker_asset.into(),
            making_amount: self.sell.1,
            taking_amount: self.buy.1,
            maker_traits: self.traits,
        };
        let chain = self.source.chain_id;
        let domain = order_domain(dialect, chain, self.factory.limit_order_protocol);
        Ok(OrderFile {
            version: OrderFile::VERSION,
            chain_id: chain.0,
            order: OrderWords::write(&order.words()),
            signature: None,
            extension_data: extension.to_string(),
            order_hash: Some(order.hash(&domain).to_string()),
            hashlock: Some(self.hashlock.to_string()),
            src_chain_id: Some(chain.0),
            dst_chain_id: Some(self.destination.chain_id.0),
            created_at: None,
            secret_hashes: Vec::new(),
        })
    }
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

    fn deposit(&self, destination: &ChainSpec) -> Result<u128, Failure> {
        let wrong = |error: String| Failure::Usage(format!("--deposit: {error}"));
        let wei = amount::parse(&self.deposit, destination.native.decimals).map_err(wrong)?;
        u128::try_from(wei).map_err(|_| wrong("does not fit 128 bits".to_owned()))
    }

    fn windows(&self, now: u64) -> Result<(u64, u64), Failure> {
        if self.dst_withdrawal_in == 0 || self.src_cancellation_in <= self.dst_withdrawal_in {
            return Err(Failure::Usage(format!(
                "--src-cancellation-in {} must be after --dst-withdrawal-in {}, and that after 0",
                self.src_cancellation_in, self.dst_withdrawal_in
            )));
        }
        let at = |offset: u64| {
            now.checked_add(offset).ok_or_else(|| Failure::Usage("a window ends never".to_owned()))
        };
        Ok((at(self.dst_withdrawal_in)?, at(self.src_cancellation_in)?))
    }

    fn traits(&self) -> MakerTraits {
        let traits = MakerTraits::cross_chain();
        let traits = match self.nonce {
            Some(nonce) => traits.with_nonce(nonce),
            None => traits.with_multiple_fills(),
        };
        self.resolver.map_or(traits, |resolver| traits.with_allowed_sender(resolver))
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
    let sell = NewArgs::amount(source, "sell", &args.sell)?;
    if sell.0.address.is_zero() {
        return Err(Failure::Usage("--sell: a native coin cannot be sold; wrap it".to_owned()));
    }
    let buy = NewArgs::amount(destination, "buy", &args.buy)?;
    let deposit = args.deposit(destination)?;
    let factory = chains::factory(source, args.factory)?;
    let now = node::chain_time(&args.chain_rpc(source.chain_id.0)?, source.chain_id.0).await?;
    let (dst_withdrawal, src_cancellation) = args.windows(now)?;
    let (secret, hashlock) = hashlock(args.hashlock)?;
    let draft = Draft {
        source,
        destination,
        factory,
        sell,
        buy,
        maker: args.maker,
        receiver: args.receiver.unwrap_or(Address::ZERO),
        deposit,
        hashlock,
        dst_withdrawal,
        src_cancellation,
        traits: args.traits(),
        entropy: U256::from_be_bytes(random()?),
    };
    let file = draft.file()?;
    // The secret is on disk before the order that commits to it exists anywhere.
    if let (Some(secret), Some(path)) = (secret, &args.secret_file) {
        keep(&secret, path)?;
        output.note(&format!("secret written to {} (mode 0600): keep it", path.display()));
    }
    deliver(&file, args.output.as_deref(), output)
}

fn deliver(file: &OrderFile, path: Option<&Path>, output: &Output) -> Result<(), Failure> {
    let text = read::write(file)?;
    let Some(path) = path else { return output.line(text.trim_end()) };
    files::create(path, &text)?;
    output.note(&format!("unsigned order written to {}", path.display()));
    let (hash, lock) = (&file.order_hash, &file.hashlock);
    output.result(&serde_json::json!({ "orderHash": hash, "hashlock": lock }), || {
        let shown = |value: &Option<String>| value.clone().unwrap_or_default();
        crate::output::fields(&[("order hash", shown(hash)), ("hashlock", shown(lock))])
    })
}

fn hashlock(given: Option<B256>) -> Result<(Option<Secret>, Hashlock), Failure> {
    if let Some(hashlock) = given {
        return Ok((None, Hashlock(hashlock)));
    }
    let secret = Secret::new(random()?);
    let hashlock = secret.hashlock();
    Ok((Some(secret), hashlock))
}

fn keep(secret: &Secret, path: &Path) -> Result<(), Failure> {
    files::create_private(path, &format!("{}\n", hex::encode_prefixed(secret.expose())))
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
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: NewArgs,
    }

    fn parse(more: &str) -> NewArgs {
        let line = format!(
            "new --from-chain 1337 --to-chain 1338 --sell 1.5 TKA --buy 2.9 USDX --maker {} {more}",
            Address::repeat_byte(1)
        );
        Line::try_parse_from(line.split_whitespace()).unwrap().args
    }

    fn file(args: &NewArgs) -> OrderFile {
        let chains = args.chains.load().unwrap();
        let (source, destination) = (chains.named("1337").unwrap(), chains.named("1338").unwrap());
        Draft {
            source,
            destination,
            factory: chains::factory(source, None).unwrap(),
            sell: NewArgs::amount(source, "sell", &args.sell).unwrap(),
            buy: NewArgs::amount(destination, "buy", &args.buy).unwrap(),
            maker: args.maker,
            receiver: Address::ZERO,
            deposit: 5,
            hashlock: Hashlock(B256::repeat_byte(7)),
            dst_withdrawal: 2_000,
            src_cancellation: 3_000,
            traits: args.traits(),
            entropy: U256::MAX,
        }
        .file()
        .unwrap()
    }

    #[test]
    fn a_new_order_says_what_was_asked_and_agrees_with_itself() {
        let args = parse("--secret-file s");
        let file = file(&args);
        let understood = read::understand(&file, &args.chains.load().unwrap()).unwrap();
        assert_eq!(understood.order.making_amount.to_string(), "1500000000000000000");
        assert_eq!(understood.order.taking_amount.to_string(), "2900000");
        assert_eq!(understood.extra.src_cancellation(), 3_000);
        assert_eq!(understood.extra.dst_withdrawal(), 2_000);
        assert_eq!(understood.extra.src_deposit(understood.dialect), U256::ZERO);
        assert_eq!(understood.extra.dst_deposit(understood.dialect), U256::from(5));
        let traits = understood.order.maker_traits;
        assert!(
            traits.post_interaction() && traits.has_extension() && !traits.uses_bit_invalidator()
        );
        let nonce = parse("--secret-file s --nonce 9").traits();
        assert!(nonce.uses_bit_invalidator() && nonce.nonce() == 9);
    }

    #[test]
    fn a_file_that_contradicts_its_order_is_refused_by_field() {
        let args = parse("--secret-file s");
        let chains = args.chains.load().unwrap();
        let good = file(&args);
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

    #[test]
    fn windows_must_be_ordered() {
        assert_eq!(parse("--secret-file s").windows(1_000).unwrap(), (1_180, 2_800));
        for wrong in
            ["--dst-withdrawal-in 0", "--dst-withdrawal-in 1800", "--src-cancellation-in 10"]
        {
            assert!(parse(&format!("--secret-file s {wrong}")).windows(1_000).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_secret_or_a_hashlock_but_not_both() {
        let line = |more: &str| {
            let line = format!(
                "new --from-chain 1 --to-chain 2 --sell 1 A --buy 1 B --maker {} {more}",
                Address::ZERO
            );
            Line::try_parse_from(line.split_whitespace()).is_ok()
        };
        let lock = B256::ZERO;
        assert!(line("--secret-file s") && line(&format!("--hashlock {lock}")));
        assert!(!line("") && !line(&format!("--secret-file s --hashlock {lock}")));
    }
}
