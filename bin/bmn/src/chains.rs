//! Chains by name or id, and their tokens by symbol or address.

use crate::{address, amount, failure::Failure, files};
use alloy::primitives::{Address, U256};
use bmn_config::{ChainSpec, FactorySpec};
use bmn_primitives::Dialect;
use clap::Args;
use std::path::PathBuf;

/// Where chain specifications come from.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ChainArgs {
    /// Chain specification to know besides the built-in ones; may be repeated.
    #[arg(long = "chainspec", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
}

/// The chains this command knows.
#[derive(Debug, Clone)]
pub(crate) struct Chains(Vec<ChainSpec>);

/// A token on a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// Contract; zero is the native coin.
    pub(crate) address: Address,
    /// Ticker.
    pub(crate) symbol: String,
    /// Digits after the point.
    pub(crate) decimals: u8,
}

impl ChainArgs {
    /// Reads the specifications.
    pub(crate) fn load(&self) -> Result<Chains, Failure> {
        let mut specs: Vec<_> =
            ChainSpec::known_names().filter_map(|name| ChainSpec::named(name).ok()).collect();
        for path in &self.files {
            let text = files::read_small(path)?;
            let spec = ChainSpec::from_toml(&text, &path.display().to_string())
                .map_err(|error| Failure::Usage(error.to_string()))?;
            // A file the user names wins over what is built in.
            specs.retain(|known| known.chain_id != spec.chain_id);
            specs.push(spec);
        }
        Ok(Chains(specs))
    }
}

impl Chains {
    /// The chain with a name or id.
    pub(crate) fn named(&self, text: &str) -> Result<&ChainSpec, Failure> {
        let is = |spec: &&ChainSpec| {
            spec.name.eq_ignore_ascii_case(text) || spec.chain_id.to_string() == text
        };
        self.0.iter().find(is).ok_or_else(|| {
            let known = self.0.iter().map(|spec| format!("{} ({})", spec.chain_id, spec.name));
            let known = known.collect::<Vec<_>>().join(", ");
            Failure::Usage(format!(
                "unknown chain `{text}`: known are {known}; --chainspec adds more"
            ))
        })
    }

    /// Knows these as well; they win over what was known under their ids.
    pub(crate) fn with(mut self, specs: impl IntoIterator<Item = ChainSpec>) -> Self {
        for spec in specs {
            self.0.retain(|known| known.chain_id != spec.chain_id);
            self.0.push(spec);
        }
        self
    }

    /// Every chain.
    pub(crate) fn all(&self) -> impl Iterator<Item = &ChainSpec> {
        self.0.iter()
    }

    /// The chain with an id.
    pub(crate) fn by_id(&self, id: u64) -> Option<&ChainSpec> {
        self.0.iter().find(|spec| spec.chain_id.0 == id)
    }

    /// `1.5 TKA`, or the bare units where the token is not known.
    pub(crate) fn describe(&self, chain: u64, token: Address, units: U256) -> String {
        let known = self.by_id(chain).and_then(|spec| token_at(spec, token));
        known.map_or_else(
            || format!("{units} units of {token:#x}"),
            |token| format!("{} {}", amount::format(units, token.decimals), token.symbol),
        )
    }

    /// The chain's name, or its id.
    pub(crate) fn name(&self, chain: u64) -> String {
        self.by_id(chain).map_or_else(|| chain.to_string(), |spec| spec.name.clone())
    }
}

fn native(spec: &ChainSpec) -> Token {
    let native = &spec.native;
    let (symbol, decimals) = (native.symbol.clone(), native.decimals);
    Token { address: Address::ZERO, symbol, decimals }
}

/// The token at an address; zero is the native coin.
fn token_at(spec: &ChainSpec, address: Address) -> Option<Token> {
    if address.is_zero() {
        return Some(native(spec));
    }
    let token = spec.token(address)?;
    Some(Token { address, symbol: token.symbol.clone(), decimals: token.decimals })
}

/// The token with a symbol or address.
pub(crate) fn token(spec: &ChainSpec, text: &str) -> Result<Token, Failure> {
    if text.eq_ignore_ascii_case(&spec.native.symbol) {
        return Ok(native(spec));
    }
    if text.starts_with("0x") {
        let address =
            address::parse(text).map_err(|error| Failure::Usage(format!("`{text}`: {error}")))?;
        return token_at(spec, address).ok_or_else(|| unknown(spec, text));
    }
    let by_symbol = spec.tokens.iter().find(|token| token.symbol.eq_ignore_ascii_case(text));
    by_symbol.and_then(|token| token_at(spec, token.address)).ok_or_else(|| unknown(spec, text))
}

fn unknown(spec: &ChainSpec, text: &str) -> Failure {
    let symbols = spec.tokens.iter().map(|token| token.symbol.as_str());
    let known = symbols.chain([spec.native.symbol.as_str()]).collect::<Vec<_>>().join(", ");
    Failure::Usage(format!("unknown token `{text}` on {}: known are {known}", spec.name))
}

/// The dialects that orders are filled of.
pub(crate) const FILLED: [Dialect; 4] =
    [Dialect::Bmn4, Dialect::Bmn302, Dialect::OneInch1, Dialect::OneInch2];

/// Reads the name of a dialect that orders are filled of.
///
/// # Errors
/// The accepted names.
pub(crate) fn filled_dialect(text: &str) -> Result<Dialect, String> {
    let found = FILLED.into_iter().find(|dialect| dialect.name() == text);
    found.ok_or_else(|| format!("expected one of {}", FILLED.map(Dialect::name).join(", ")))
}

/// The factory at an address.
pub(crate) fn factory_at(spec: &ChainSpec, address: Address) -> Result<&FactorySpec, Failure> {
    spec.factories.iter().find(|factory| factory.address == address).ok_or_else(|| {
        Failure::Usage(format!("no factory {address:#x} on {}: {}", spec.name, factories(spec)))
    })
}

fn factories(spec: &ChainSpec) -> String {
    let known: Vec<_> = spec.factories.iter().map(described).collect();
    if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) }
}

fn described(factory: &FactorySpec) -> String {
    let index_only = if factory.index_only { " (index only)" } else { "" };
    format!("{} {:#x}{index_only}", factory.dialect, factory.address)
}

/// The factory to make orders for: the one at an address; else the first of a dialect; else the first of
/// `bmn4`, or of the only dialect that the chain has.
pub(crate) fn factory_for(
    spec: &ChainSpec,
    dialect: Option<Dialect>,
    address: Option<Address>,
) -> Result<&FactorySpec, Failure> {
    let is_filled =
        |factory: &&FactorySpec| FILLED.contains(&factory.dialect) && !factory.index_only;
    if let Some(address) = address {
        let found = factory_at(spec, address)?;
        let what = described(found);
        return match dialect {
            Some(dialect) if dialect != found.dialect => {
                Err(Failure::Usage(format!("--dialect is {dialect}, --factory is {what}")))
            }
            _ if is_filled(&found) => Ok(found),
            _ => Err(Failure::Usage(format!("--factory: orders of {what} are not filled"))),
        };
    }
    let mut filled = spec.factories.iter().filter(is_filled);
    let names = FILLED.map(Dialect::name).join(", ");
    if let Some(dialect) = dialect {
        return filled.find(|factory| factory.dialect == dialect).ok_or_else(|| {
            let (name, known) = (&spec.name, factories(spec));
            Failure::Usage(format!(
                "--dialect {dialect}: {name} has no such factory: expected one of {names}; {known}"
            ))
        });
    }
    let all: Vec<_> = filled.collect();
    let preferred = all.iter().find(|factory| factory.dialect == Dialect::Bmn4).or(all.first());
    let is_plain = |chosen: &&&FactorySpec| {
        chosen.dialect == Dialect::Bmn4 || all.iter().all(|other| other.dialect == chosen.dialect)
    };
    preferred.filter(is_plain).copied().ok_or_else(|| {
        let (name, known) = (&spec.name, factories(spec));
        Failure::Usage(format!("--dialect is needed for {name}: one of {names}; {known}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chains() -> Chains {
        ChainArgs::default().load().unwrap()
    }

    #[test]
    fn chains_have_names_and_ids() {
        let chains = chains();
        assert_eq!(
            chains.named("1337").unwrap().chain_id,
            chains.named("chain a").unwrap().chain_id
        );
        assert_eq!(chains.named("base").unwrap().chain_id.0, 8453);
        let error = chains.named("bass").unwrap_err().to_string();
        assert!(error.contains("1337 (Chain A), 1338 (Chain B)"), "{error}");
    }

    #[test]
    fn tokens_have_symbols_and_addresses_and_zero_is_the_coin() {
        let chains = chains();
        let spec = chains.named("1337").unwrap();
        let usdx = token(spec, "usdx").unwrap();
        assert_eq!(usdx.decimals, 6);
        assert_eq!(token(spec, &usdx.address.to_string()).unwrap(), usdx);
        assert_eq!(token(spec, "ETH").unwrap().address, Address::ZERO);
        assert!(token(spec, "DAI").unwrap_err().to_string().contains("USDX"));
        assert_eq!(chains.describe(1337, usdx.address, U256::from(1_500_000)), "1.5 USDX");
        assert!(chains.describe(5, usdx.address, U256::from(7)).starts_with("7 units of 0x"));
    }

    #[test]
    fn a_factory_is_that_of_the_dialect_or_the_only_one() {
        let chains = chains();
        let of = |chain: &str, dialect: Option<&str>| {
            let dialect = dialect.map(|name| filled_dialect(name).unwrap());
            let found = factory_for(chains.named(chain).unwrap(), dialect, None);
            found.map(|factory| factory.dialect).map_err(|error| error.to_string())
        };
        assert_eq!(of("1337", None), Ok(Dialect::Bmn4));
        assert_eq!(of("polygon", None), Ok(Dialect::OneInch1));
        for dialect in FILLED {
            assert_eq!(of("1337", Some(dialect.name())), Ok(dialect));
        }
        let several = of("ethereum", None).unwrap_err();
        assert!(several.starts_with("--dialect is needed for Ethereum: one of bmn4,"), "{several}");
        let none = of("polygon", Some("bmn302")).unwrap_err();
        assert!(
            none.contains(
                "expected one of bmn4, bmn302, oneinch1, oneinch2; it has oneinch1 0xa7b"
            ),
            "{none}"
        );
        let nobody = of("etherlink", None).unwrap_err();
        assert!(nobody.contains("(index only)"), "{nobody}");
        assert!(filled_dialect("bmn1").unwrap_err().contains("bmn302, oneinch1"));
    }

    #[test]
    fn a_factory_named_by_address_must_be_of_the_dialect_and_filled() {
        let chains = chains();
        let of = |chain: &str, dialect, take: fn(&FactorySpec) -> bool| {
            let spec = chains.named(chain).unwrap();
            let address = spec.factories.iter().find(|it| take(it)).unwrap().address;
            let found = factory_for(spec, dialect, Some(address));
            found.map(|factory| factory.dialect).map_err(|error| error.to_string())
        };
        let is_one_inch: fn(&FactorySpec) -> bool = |it| it.dialect == Dialect::OneInch1;
        assert_eq!(of("1337", None, is_one_inch), Ok(Dialect::OneInch1));
        let other = of("1337", Some(Dialect::Bmn4), is_one_inch).unwrap_err();
        assert!(other.starts_with("--dialect is bmn4, --factory is oneinch1 0x"), "{other}");
        let closed = of("base", None, |it| it.index_only).unwrap_err();
        assert!(closed.ends_with("(index only) are not filled"), "{closed}");
    }
}
