//! Who may fill a new order, and what for.

use crate::{address, failure::Failure};
use alloy::primitives::Address;
use bmn_config::ChainSpec;
use bmn_contracts::{FeeTerms, FillFee, FillTerms, MakerTraits, WhitelistEntry};
use bmn_primitives::Dialect;
use clap::Args;

/// Nonces are below.
const NONCE_END: u64 = 1 << 40;

/// Who may fill an order, how often, and what it costs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filling")]
pub(super) struct FillArgs {
    /// Only this resolver may fill; for 1inch his contract, and may be repeated. Unless given, anyone may fill
    /// a BMN order, and the resolver contract of the chain's specification a 1inch order.
    #[arg(long = "resolver", value_name = "ADDRESS", value_parser = address::parse)]
    resolvers: Vec<Address>,

    /// Make the order void together with every other one of this nonce. Unless given, a BMN order is void by
    /// its hash, and a 1inch order by a random nonce.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(0..1 << 40))]
    nonce: Option<u64>,

    /// oneinch1: fee of a filler outside the list of --resolver, in 10^15 of the fee token's smallest unit.
    #[arg(long, value_name = "UNITS")]
    credit_fee: Option<u32>,

    /// oneinch2: fee of an integrator, in 1/100000 of the destination amount, and who gets it.
    #[arg(long, num_args = 2, value_names = ["FEE", "ADDRESS"])]
    integrator_fee: Vec<String>,

    /// oneinch2: fee of the protocol, in 1/100000 of the destination amount, and who gets it.
    #[arg(long, num_args = 2, value_names = ["FEE", "ADDRESS"])]
    protocol_fee: Vec<String>,
}

impl FillArgs {
    /// The header of a 1inch order, which may be filled from `now` on; none for BMN.
    pub(super) fn terms(
        &self,
        dialect: Dialect,
        source: &ChainSpec,
        now: u64,
    ) -> Result<Option<FillTerms>, Failure> {
        let Some(fee) = self.fee(dialect)? else { return Ok(None) };
        let known = source.resolver_contract.as_slice();
        let resolvers = if self.resolvers.is_empty() { known } else { &self.resolvers };
        if resolvers.is_empty() {
            return Err(Failure::Usage(format!(
                "--resolver is needed: orders of {dialect} name the contracts that may fill them, and the \
                 specification of {} has no resolver contract",
                source.name
            )));
        }
        let whitelist =
            resolvers.iter().map(|resolver| WhitelistEntry::new(*resolver, 0)).collect();
        let allowed_time = u32::try_from(now).map_err(|_| {
            Failure::Usage(format!(
                "orders of {dialect} hold times below 2^32, the chain's is {now}"
            ))
        })?;
        Ok(Some(FillTerms { allowed_time, whitelist, fee }))
    }

    fn fee(&self, dialect: Dialect) -> Result<Option<FillFee>, Failure> {
        let only = |flag: &str, owner: Dialect, is_given: bool| {
            if !is_given || dialect == owner {
                return Ok(());
            }
            Err(Failure::Usage(format!(
                "--{flag}: only orders of {owner} have it, not of {dialect}"
            )))
        };
        only("credit-fee", Dialect::OneInch1, self.credit_fee.is_some())?;
        only("integrator-fee", Dialect::OneInch2, !self.integrator_fee.is_empty())?;
        only("protocol-fee", Dialect::OneInch2, !self.protocol_fee.is_empty())?;
        let none = FillFee::none(dialect);
        Ok(match none {
            Some(FillFee::Credit(_)) => Some(FillFee::Credit(self.credit_fee)),
            Some(FillFee::Destination(_)) => {
                let (integrator_fee, integrator) = share("integrator-fee", &self.integrator_fee)?;
                let (resolver_fee, protocol) = share("protocol-fee", &self.protocol_fee)?;
                Some(FillFee::Destination(FeeTerms {
                    integrator,
                    protocol,
                    integrator_fee,
                    // Of his own fee, and of the protocol's from those on the whitelist: all of it.
                    integrator_share: 100,
                    resolver_fee,
                    whitelist_discount: 100,
                    post_interaction: None,
                }))
            }
            None => None,
        })
    }

    /// The traits, but for the expiration. `entropy` makes the nonce where none was given.
    pub(super) fn traits(
        &self,
        dialect: Dialect,
        in_parts: bool,
        entropy: u64,
    ) -> Result<MakerTraits, Failure> {
        let traits = MakerTraits::cross_chain();
        if !dialect.has_absolute_times() {
            return match (in_parts, self.nonce) {
                (true, Some(_)) => Err(Failure::Usage(
                    "--nonce: an order in --parts is void by its hash".to_owned(),
                )),
                (true, None) => Ok(traits.with_multiple_fills()),
                // A fill of a part would use up the only secret.
                (false, nonce) => Ok(traits
                    .with_no_partial_fills()
                    .with_nonce(nonce.unwrap_or(entropy % NONCE_END))),
            };
        }
        let traits = match self.nonce {
            Some(nonce) => traits.with_nonce(nonce),
            None => traits.with_multiple_fills(),
        };
        match self.resolvers.as_slice() {
            [] => Ok(traits),
            [resolver] => Ok(traits.with_allowed_sender(*resolver)),
            _ => Err(Failure::Usage(format!("--resolver: orders of {dialect} name one at most"))),
        }
    }
}

fn share(flag: &str, given: &[String]) -> Result<(u16, Address), Failure> {
    match given {
        [] => Ok((0, Address::ZERO)),
        [fee, who] => {
            let wrong = |what: String| Failure::Usage(format!("--{flag}: {what}"));
            let fee = fee
                .parse()
                .map_err(|_| wrong(format!("`{fee}`: expected 0 to 65535, in 1/100000")))?;
            Ok((fee, address::parse(who).map_err(|error| wrong(format!("`{who}`: {error}")))?))
        }
        _ => Err(Failure::Usage(format!("--{flag}: expected FEE ADDRESS, once"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: FillArgs,
    }

    fn parse(line: &str) -> FillArgs {
        Line::try_parse_from(format!("new {line}").split_whitespace()).unwrap().args
    }

    fn terms(line: &str, dialect: Dialect) -> Result<Option<FillTerms>, String> {
        let spec = ChainSpec::named("dev-a").unwrap();
        parse(line).terms(dialect, &spec, 1_000).map_err(|error| error.to_string())
    }

    const SOMEBODY: &str = "0x9965507d1a55bcc2695c58ba16fb37d819b0a4dc";

    #[test]
    fn one_inch_orders_list_the_known_resolver_or_those_given() {
        let spec = ChainSpec::named("dev-a").unwrap();
        let known = WhitelistEntry::new(spec.resolver_contract.unwrap(), 0);
        for dialect in [Dialect::OneInch1, Dialect::OneInch2] {
            let found = terms("", dialect).unwrap().unwrap();
            assert_eq!((found.allowed_time, found.whitelist), (1_000, vec![known]));
            let line = format!("--resolver {SOMEBODY} --resolver {SOMEBODY}");
            let given = WhitelistEntry::new(SOMEBODY.parse().unwrap(), 0);
            assert_eq!(terms(&line, dialect).unwrap().unwrap().whitelist, [given, given]);
        }
        assert_eq!(terms("", Dialect::Bmn4), Ok(None));
        let bare = ChainSpec { resolver_contract: None, ..spec };
        let error = parse("").terms(Dialect::OneInch1, &bare, 0).unwrap_err().to_string();
        assert!(error.starts_with("--resolver is needed"), "{error}");
    }

    #[test]
    fn fees_have_the_form_of_their_dialect() {
        let fee = |line: &str, dialect| terms(line, dialect).map(|terms| terms.unwrap().fee);
        let credit = fee("--credit-fee 7", Dialect::OneInch1);
        assert_eq!(credit, Ok(FillFee::Credit(Some(7))));
        let who: Address = SOMEBODY.parse().unwrap();
        let line = format!("--integrator-fee 120 {SOMEBODY} --protocol-fee 90 {SOMEBODY}");
        let Ok(FillFee::Destination(fees)) = fee(&line, Dialect::OneInch2) else { panic!() };
        assert_eq!((fees.integrator, fees.integrator_fee, fees.integrator_share), (who, 120, 100));
        assert_eq!((fees.protocol, fees.resolver_fee, fees.whitelist_discount), (who, 90, 100));
        for (line, dialect, says) in [
            ("--credit-fee 7", Dialect::OneInch2, "--credit-fee: only orders of oneinch1"),
            (&line, Dialect::Bmn4, "--integrator-fee: only orders of oneinch2"),
            ("--protocol-fee 1 x", Dialect::OneInch1, "--protocol-fee: only orders of oneinch2"),
            ("--protocol-fee 1 x", Dialect::OneInch2, "--protocol-fee: `x`: "),
            ("--protocol-fee 65536 x", Dialect::OneInch2, "--protocol-fee: `65536`: expected 0"),
        ] {
            let error = terms(line, dialect).unwrap_err();
            assert!(error.starts_with(says), "{error}");
        }
    }

    #[test]
    fn traits_say_how_an_order_is_used_up() {
        let traits = |line: &str, dialect, parts| {
            parse(line).traits(dialect, parts, u64::MAX).map_err(|error| error.to_string())
        };
        let bmn = traits("", Dialect::Bmn302, false).unwrap();
        assert!(!bmn.uses_bit_invalidator() && bmn.allowed_sender().is_zero());
        let nonce = traits("--nonce 9", Dialect::Bmn4, false).unwrap();
        assert!(nonce.uses_bit_invalidator() && nonce.nonce() == 9);
        let whole = traits("", Dialect::OneInch1, false).unwrap();
        assert!(whole.no_partial_fills() && whole.nonce() == NONCE_END - 1);
        let parts = traits("", Dialect::OneInch2, true).unwrap();
        assert!(parts.allow_multiple_fills() && !parts.uses_bit_invalidator());
        let both = traits("--nonce 1", Dialect::OneInch2, true).unwrap_err();
        assert!(both.starts_with("--nonce: "), "{both}");
        let one = traits(&format!("--resolver {SOMEBODY}"), Dialect::Bmn4, false).unwrap();
        assert!(one.allows(SOMEBODY.parse().unwrap()) && !one.allows(Address::ZERO));
        let two = format!("--resolver {SOMEBODY} --resolver {SOMEBODY}");
        assert!(traits(&two, Dialect::Bmn4, false).unwrap_err().starts_with("--resolver: "));
    }
}
