//! The times of a new order: two absolute ones (BMN) or seven offsets (1inch).

use crate::failure::Failure;
use alloy::primitives::U256;
use bmn_contracts::{ExtraData, MakerTraits};
use bmn_primitives::{Dialect, Stage, Timelocks};
use clap::Args;

/// Seconds until a destination may be withdrawn, unless told otherwise (BMN).
const DST_WITHDRAWAL_IN: u64 = 180;
/// Seconds until the source may be cancelled, unless told otherwise.
const SRC_CANCELLATION_IN: u32 = 1_800;
/// Seconds between the creation of a destination and its withdrawal, unless told otherwise (1inch).
const DST_WITHDRAWAL: u32 = 20;
/// Seconds between a stage and its public stage, unless told otherwise (1inch); BMN's factories have it so.
const PUBLIC_DELAY: u32 = 60;
/// Seconds that a 1inch order can be filled, unless told otherwise: nothing else ends it.
const EXPIRES_IN: u64 = 1_800;
/// Above every time that the maker traits can hold.
const EXPIRATION_END: u64 = 1 << 40;

const STAGES: [(&str, Stage); 7] = [
    ("src-withdrawal", Stage::SrcWithdrawal),
    ("src-public-withdrawal", Stage::SrcPublicWithdrawal),
    ("src-cancellation", Stage::SrcCancellation),
    ("src-public-cancellation", Stage::SrcPublicCancellation),
    ("dst-withdrawal", Stage::DstWithdrawal),
    ("dst-public-withdrawal", Stage::DstPublicWithdrawal),
    ("dst-cancellation", Stage::DstCancellation),
];

/// When an order may be filled, and when its escrows open.
#[derive(Debug, Args)]
#[command(next_help_heading = "Times")]
pub(super) struct TimeArgs {
    /// BMN: seconds from the source chain's newest block to the start of destination withdrawal; 180 unless
    /// given. The order must be filled before.
    #[arg(long, value_name = "SECONDS")]
    dst_withdrawal_in: Option<u64>,

    /// BMN: seconds from the source chain's newest block to the source cancellation; 1800 unless given.
    #[arg(long, value_name = "SECONDS")]
    src_cancellation_in: Option<u64>,

    /// 1inch: seconds from the fill to a stage of the source escrow, or from the destination's creation to
    /// one of its stages; may be repeated. Unless given: src-withdrawal=0, src-cancellation=1800,
    /// dst-withdrawal=20, dst-cancellation half of src-cancellation, and each public stage 60 after the
    /// private one.
    #[arg(long = "offset", value_name = "STAGE=SECONDS", value_parser = offset)]
    offsets: Vec<(Stage, u32)>,

    /// Seconds from the source chain's newest block after which nobody can fill the order; for 1inch 1800
    /// unless given. A BMN order ends at its destination withdrawal, too.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    expires_in: Option<u64>,
}

fn offset(text: &str) -> Result<(Stage, u32), String> {
    let (name, seconds) = text.split_once('=').unwrap_or((text, ""));
    let stage = STAGES.iter().find(|(known, _)| *known == name).map(|(_, stage)| *stage);
    match (stage, seconds.parse()) {
        (Some(stage), Ok(seconds)) => Ok((stage, seconds)),
        _ => Err(format!("expected STAGE=SECONDS, below 2^32, where STAGE is one of {}", stages())),
    }
}

fn stages() -> String {
    STAGES.map(|(name, _)| name).join(", ")
}

fn name(stage: Stage) -> &'static str {
    STAGES[stage as usize].0
}

impl TimeArgs {
    /// The timelocks word of an order of `dialect`; `now` is the time of the source chain's newest block.
    pub(super) fn word(&self, dialect: Dialect, now: u64) -> Result<U256, Failure> {
        if dialect.has_absolute_times() {
            if !self.offsets.is_empty() {
                return Err(Failure::Usage(format!(
                    "--offset: orders of {dialect} state two absolute times: expected \
                     --dst-withdrawal-in SECONDS and --src-cancellation-in SECONDS"
                )));
            }
            let (dst_withdrawal, src_cancellation) = self.absolute(now)?;
            return Ok(ExtraData::pack_bmn_times(src_cancellation, dst_withdrawal));
        }
        for (flag, given) in [
            ("--dst-withdrawal-in", self.dst_withdrawal_in),
            ("--src-cancellation-in", self.src_cancellation_in),
        ] {
            if given.is_some() {
                return Err(Failure::Usage(format!(
                    "{flag}: orders of {dialect} state offsets: expected --offset STAGE=SECONDS, where \
                     STAGE is one of {}",
                    stages()
                )));
            }
        }
        self.seven().map(|offsets| Timelocks::pack(0, offsets).0)
    }

    fn absolute(&self, now: u64) -> Result<(u64, u64), Failure> {
        let withdrawal = self.dst_withdrawal_in.unwrap_or(DST_WITHDRAWAL_IN);
        let cancellation = self.src_cancellation_in.unwrap_or(SRC_CANCELLATION_IN.into());
        if withdrawal == 0 || cancellation <= withdrawal {
            return Err(Failure::Usage(format!(
                "--src-cancellation-in {cancellation} must be after --dst-withdrawal-in {withdrawal}, and \
                 that after 0"
            )));
        }
        let at = |flag: &str, offset: u64| {
            now.checked_add(offset)
                .ok_or_else(|| Failure::Usage(format!("{flag}: expected fewer than 2^63 seconds")))
        };
        Ok((at("--dst-withdrawal-in", withdrawal)?, at("--src-cancellation-in", cancellation)?))
    }

    fn seven(&self) -> Result<[u32; 7], Failure> {
        let mut given = [None; 7];
        for (stage, seconds) in &self.offsets {
            if given[*stage as usize].replace(*seconds).is_some() {
                let name = name(*stage);
                return Err(Failure::Usage(format!("--offset {name}: expected once")));
            }
        }
        let [src_withdrawal, src_public, cancellation, public_cancellation, ..] = given;
        let [.., dst_withdrawal, dst_public, dst_cancellation] = given;
        let after = |time: u32| time.saturating_add(PUBLIC_DELAY);
        let src_withdrawal = src_withdrawal.unwrap_or(0);
        let cancellation = cancellation.unwrap_or(SRC_CANCELLATION_IN);
        let dst_withdrawal = dst_withdrawal.unwrap_or(DST_WITHDRAWAL);
        let offsets = [
            src_withdrawal,
            src_public.unwrap_or(after(src_withdrawal)),
            cancellation,
            public_cancellation.unwrap_or(after(cancellation)),
            dst_withdrawal,
            dst_public.unwrap_or(after(dst_withdrawal)),
            dst_cancellation.unwrap_or(cancellation / 2),
        ];
        // A window of no length could never be used.
        for (first, second, may_be_equal) in [
            (Stage::SrcWithdrawal, Stage::SrcPublicWithdrawal, true),
            (Stage::SrcPublicWithdrawal, Stage::SrcCancellation, false),
            (Stage::SrcCancellation, Stage::SrcPublicCancellation, true),
            (Stage::DstWithdrawal, Stage::DstPublicWithdrawal, true),
            (Stage::DstPublicWithdrawal, Stage::DstCancellation, false),
            (Stage::DstCancellation, Stage::SrcCancellation, false),
        ] {
            let (from, to) = (offsets[first as usize], offsets[second as usize]);
            if from > to || (from == to && !may_be_equal) {
                let (first, second) = (name(first), name(second));
                let than = if may_be_equal { "not be after" } else { "be before" };
                return Err(Failure::Usage(format!(
                    "--offset {first}={from} must {than} --offset {second}={to}"
                )));
            }
        }
        Ok(offsets)
    }

    /// The traits with the time at which the order expires.
    pub(super) fn expire(
        &self,
        traits: MakerTraits,
        dialect: Dialect,
        now: u64,
    ) -> Result<MakerTraits, Failure> {
        let default = (!dialect.has_absolute_times()).then_some(EXPIRES_IN);
        let Some(seconds) = self.expires_in.or(default) else { return Ok(traits) };
        let at = now.checked_add(seconds).filter(|at| *at < EXPIRATION_END).ok_or_else(|| {
            Failure::Usage(format!("--expires-in {seconds}: expected a time before 2^40"))
        })?;
        Ok(traits.with_expiration(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: TimeArgs,
    }

    fn parse(line: &str) -> Result<TimeArgs, clap::Error> {
        Line::try_parse_from(format!("new {line}").split_whitespace()).map(|line| line.args)
    }

    fn word(line: &str, dialect: Dialect) -> Result<U256, String> {
        parse(line).unwrap().word(dialect, 1_000).map_err(|error| error.to_string())
    }

    #[test]
    fn bmn_orders_state_two_ordered_times() {
        for dialect in [Dialect::Bmn4, Dialect::Bmn302] {
            assert_eq!(word("", dialect), Ok(ExtraData::pack_bmn_times(2_800, 1_180)));
        }
        for wrong in
            ["--dst-withdrawal-in 0", "--dst-withdrawal-in 1800", "--src-cancellation-in 10"]
        {
            let error = word(wrong, Dialect::Bmn4).unwrap_err();
            assert!(error.contains("must be after --dst-withdrawal-in"), "{error}");
        }
        let far = format!("--src-cancellation-in {}", u64::MAX);
        assert!(word(&far, Dialect::Bmn4).unwrap_err().starts_with("--src-cancellation-in: "));
    }

    #[test]
    fn one_inch_orders_state_seven_offsets_that_follow_from_the_few_given() {
        let of = |line: &str| word(line, Dialect::OneInch1).map(|word| Timelocks(word).offsets());
        assert_eq!(of(""), Ok([0, 60, 1_800, 1_860, 20, 80, 900]));
        assert_eq!(
            of("--offset src-cancellation=600 --offset dst-withdrawal=5"),
            Ok([0, 60, 600, 660, 5, 65, 300])
        );
        for (wrong, says) in [
            ("src-cancellation=60", "src-public-withdrawal=60 must be before"),
            ("dst-cancellation=1800", "dst-cancellation=1800 must be before --offset src-c"),
            ("dst-cancellation=80", "dst-public-withdrawal=80 must be before"),
            ("dst-public-withdrawal=19", "dst-withdrawal=20 must not be after"),
            ("dst-withdrawal=1 --offset dst-withdrawal=1", "dst-withdrawal: expected once"),
        ] {
            let error = of(&format!("--offset {wrong}")).unwrap_err();
            assert!(error.starts_with("--offset ") && error.contains(says), "{error}");
        }
        for wrong in ["x=1", "src-withdrawal", "src-withdrawal=-1", "src-withdrawal=4294967296"] {
            let error = parse(&format!("--offset {wrong}")).unwrap_err().to_string();
            assert!(error.contains("STAGE is one of src-withdrawal, src-public"), "{error}");
        }
    }

    #[test]
    fn times_of_the_other_kind_name_their_flag_and_what_is_expected() {
        let offset = word("--offset src-cancellation=9", Dialect::Bmn302).unwrap_err();
        assert!(
            offset.starts_with("--offset: orders of bmn302 state two absolute times")
                && offset.contains("--src-cancellation-in SECONDS"),
            "{offset}"
        );
        for flag in ["--dst-withdrawal-in", "--src-cancellation-in"] {
            let error = word(&format!("{flag} 50"), Dialect::OneInch2).unwrap_err();
            assert!(
                error.starts_with(&format!("{flag}: orders of oneinch2 state offsets"))
                    && error.contains("--offset STAGE=SECONDS"),
                "{error}"
            );
        }
    }

    #[test]
    fn one_inch_orders_expire_and_others_when_they_are_told_to() {
        let expiration = |line: &str, dialect| {
            let traits = parse(line).unwrap().expire(MakerTraits::cross_chain(), dialect, 1_000);
            traits.map(MakerTraits::expiration).map_err(|error| error.to_string())
        };
        assert_eq!(expiration("", Dialect::Bmn4), Ok(0));
        assert_eq!(expiration("--expires-in 5", Dialect::Bmn4), Ok(1_005));
        assert_eq!(expiration("", Dialect::OneInch1), Ok(2_800));
        let far = expiration("--expires-in 1099511627776", Dialect::OneInch2).unwrap_err();
        assert!(far.starts_with("--expires-in 1099511627776"), "{far}");
        assert!(parse("--expires-in 0").is_err());
    }
}
