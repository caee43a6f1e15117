//! Other people's escrows: which of their public actions are worth the gas (design section 5, "Keeper").
//!
//! The rules are those of our own swaps: a source is finished for its taker only when its maker was paid,
//! and given back only when nobody can be paid any more (M10). No signature of ours opens an escrow: only
//! the access token does.

use crate::{
    Action, ChainView, Decision, DestinationLeg, EscrowEnd, Keeping, Order, Origin, Pace,
    SecretKnowledge, SourceLeg, Status, Wake, When, derive_kept,
    keeper_worth::{KeeperNumbers, KeeperRefusal, KeeperTerms, expect},
    policy::{FactoryTerms, Price},
    read_direct,
};
use alloy::primitives::Address;
use bmn_primitives::{AddressWord, ChainId, Dialect, Immutables, Stage, Window};
use serde::{Deserialize, Serialize};

/// A public action on a stranger's escrow. Whoever sends it gets the safety deposit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum KeeperAction {
    /// `publicWithdraw` of a destination: its tokens go to the maker.
    WithdrawDestination,
    /// `publicWithdraw` of a source: its tokens go to the taker.
    WithdrawSource,
    /// `publicCancel` of a source: its tokens go to the maker.
    CancelSource,
}

impl KeeperAction {
    /// Every public action. No dialect has a public cancel of a destination without a signature.
    pub const ALL: [Self; 3] =
        [Self::WithdrawDestination, Self::WithdrawSource, Self::CancelSource];

    /// Name in answers and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WithdrawDestination => "publicWithdrawDestination",
            Self::WithdrawSource => "publicWithdrawSource",
            Self::CancelSource => "publicCancelSource",
        }
    }

    /// The same as a step that is taken.
    pub const fn action(self) -> Action {
        match self {
            Self::WithdrawDestination => Action::PublicWithdrawDestination,
            Self::WithdrawSource => Action::PublicWithdrawSource,
            Self::CancelSource => Action::PublicCancelSource,
        }
    }

    /// Gas it uses at most: `protocol.md` section 16, rounded up, `oneinch2` with fees; and a balance that
    /// was zero, since who sold or buys a token often has none of it.
    pub const fn gas(self, dialect: Dialect) -> u64 {
        const FIRST_BALANCE: u64 = 17_100;
        FIRST_BALANCE
            + match (self, dialect) {
                (Self::WithdrawDestination, Dialect::OneInch2) => 97_000,
                (Self::CancelSource, _) => 50_000,
                _ => 51_000,
            }
    }
}

/// Whether our account holds the access token of a factory's escrows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Access {
    /// Not asked, or the answer said nothing.
    #[default]
    Unknown,
    /// The escrow does not let us, or has no access token at all.
    Refused,
    /// The escrow let us past its first check.
    Held,
}

impl Access {
    /// Reads the answer to a simulated public action of ours: its revert data, none where it succeeded.
    /// The caller is checked before the window, the immutables and the secret (`protocol.md` section 8),
    /// so any later complaint says that we hold the token.
    pub fn from_probe(reverted: Option<&[u8]>) -> Self {
        const CALLER: [[u8; 4]; 2] = [[0x48, 0xf5, 0xc3, 0xed], [0x01, 0x55, 0x20, 0x1f]];
        const LATER: [[u8; 4]; 5] = [
            [0x6f, 0x7e, 0xac, 0x26],
            [0xa2, 0x69, 0x48, 0x4a],
            [0xab, 0xab, 0x6b, 0xd7],
            [0xfb, 0x7f, 0x50, 0x79],
            [0x8a, 0x03, 0x32, 0xd5],
        ];
        match reverted {
            None => Self::Held,
            // The call to a token at address zero fails without a word.
            Some([]) => Self::Refused,
            Some(data) => match data.first_chunk::<4>() {
                Some(selector) if CALLER.contains(selector) => Self::Refused,
                Some(selector) if LATER.contains(selector) => Self::Held,
                _ => Self::Unknown,
            },
        }
    }
}

/// A chain as the keeper sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeeperChain {
    /// Its head.
    pub view: ChainView,
    /// Its speed and confirmations.
    pub pace: Pace,
    /// Whether we hold the access token of the swap's factory here.
    pub access: Access,
    /// Wei per gas that a transaction costs now; none when nobody says so reliably.
    pub gas_price: Option<u128>,
    /// What rollups take for one such transaction's data, wei.
    pub data_fee: u128,
    /// Price of the native coin.
    pub coin: Price,
    /// Blocks until the nearest job of our own on this chain is due: 0 when one is due now.
    pub own_due_in: Option<u64>,
}

/// Everything the keeper's plan of one stranger's swap depends on.
#[derive(Debug, Clone, Copy)]
pub struct KeeperView<'a> {
    /// Its source escrow.
    pub source: &'a SourceLeg,
    /// Its destination escrow, when the chain has it.
    pub destination: Option<&'a DestinationLeg>,
    /// What the destination is bound to: see [`find_destination`].
    pub bound: Option<&'a Immutables>,
    /// What we know of the secret.
    pub secret: SecretKnowledge,
    /// Our signer and our contracts: their escrows are not strangers'.
    pub ours: &'a [Address],
    /// What we did about it so far.
    pub keeping: Keeping<'a>,
    /// Source chain.
    pub source_chain: KeeperChain,
    /// Destination chain; none when we do not serve it.
    pub destination_chain: Option<KeeperChain>,
}

/// A public action worth its gas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeeperDue {
    /// What to do.
    pub action: KeeperAction,
    /// Where.
    pub chain: ChainId,
    /// On which escrow.
    pub escrow: Address,
    /// When.
    pub when: When,
    /// Why: what it costs and brings.
    pub numbers: KeeperNumbers,
}

/// What is to be done about a stranger's swap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeeperPlan {
    /// Its status.
    pub status: Status,
    /// Actions worth it, now or later.
    pub due: Vec<KeeperDue>,
    /// The others, each with its reason.
    pub refused: Vec<(KeeperAction, KeeperRefusal)>,
    /// None of the reasons will ever go away: [`Keeping::closed`] may be recorded.
    pub over: bool,
}

/// Plans the public actions on a stranger's swap. Level-triggered, as [`plan`](crate::plan).
pub fn keep(view: &KeeperView<'_>, terms: &KeeperTerms) -> KeeperPlan {
    let status = derive_kept(Some(view.source), view.destination, &view.keeping);
    let mut plan = KeeperPlan { status, due: Vec::new(), refused: Vec::new(), over: false };
    if status != Status::Watched {
        return plan;
    }
    for action in KeeperAction::ALL {
        match view.judge(action, terms) {
            Ok(due) => plan.due.push(due),
            Err(reason) => plan.refused.push((action, reason)),
        }
    }
    plan.over = plan.due.is_empty() && plan.refused.iter().all(|(_, reason)| reason.is_final());
    plan
}

/// The row of a stranger's swap, by its source escrow; none where the chain does not state its terms.
/// It is not accepted, so that nothing is reserved, counted or funded for it.
pub fn watch(leg: &SourceLeg) -> Option<Order> {
    leg.stated()?;
    let decision = Decision::Refused(Vec::new());
    Some(Order { origin: Origin::Watched, decision, ..read_direct(leg) })
}

/// The immutables of a stranger's destination, which its factory's event does not state: `stated` (from
/// the creating call) or derived from its source. Believed only when they give its address.
pub fn find_destination(
    source: &SourceLeg,
    leg: &DestinationLeg,
    factory: &FactoryTerms,
    stated: Option<&Immutables>,
) -> Option<Immutables> {
    let derived = source.stated().map(|(bound, complement)| {
        let timelocks = if leg.dialect.has_absolute_times() {
            bound.timelocks
        } else {
            bound.timelocks.with_deployed_at(leg.created.block.time)
        };
        Immutables {
            order_hash: bound.order_hash,
            hashlock: bound.hashlock,
            maker: complement.maker,
            taker: AddressWord::from(leg.taker),
            token: complement.token,
            amount: complement.amount,
            safety_deposit: complement.safety_deposit,
            timelocks,
            parameters: complement.parameters.clone(),
        }
    });
    let is_its_own = |immutables: &Immutables| {
        let implementations = &factory.implementations;
        (factory.address, factory.dialect) == (leg.factory, leg.dialect)
            && bmn_contracts::destination_escrow(
                leg.dialect,
                leg.factory,
                implementations,
                immutables,
            ) == leg.escrow
    };
    stated.cloned().into_iter().chain(derived).find(is_its_own)
}

/// One escrow of the two.
struct Side<'a> {
    chain: ChainId,
    at: KeeperChain,
    escrow: Address,
    dialect: Dialect,
    factory: Address,
    created: u64,
    bound: &'a Immutables,
}

impl<'a> KeeperView<'a> {
    fn judge(&self, action: KeeperAction, terms: &KeeperTerms) -> Result<KeeperDue, KeeperRefusal> {
        let side = match action {
            KeeperAction::WithdrawDestination => self.destination_side()?,
            KeeperAction::WithdrawSource | KeeperAction::CancelSource => self.source_side()?,
        };
        if self.ours.contains(&side.bound.taker.masked()) {
            return Err(KeeperRefusal::Ours);
        }
        let known = bmn_contracts::known_factory(side.factory);
        if known.is_some_and(|factory| factory.locks_funds) {
            return Err(KeeperRefusal::LocksFunds);
        }
        let window = window(action, side.bound);
        let in_time = side.in_time(window)?;
        let honest = self.honest(action)?;
        match side.at.access {
            Access::Held => {}
            Access::Refused => return Err(KeeperRefusal::NoAccessToken),
            Access::Unknown => return Err(KeeperRefusal::AccessUnknown),
        }
        let when = and(and(side.confirmed(), honest), in_time);
        let numbers = expect(action, side.dialect, side.bound, &side.at, terms)?;
        if let Some(blocks) = side.at.own_due_in.filter(|blocks| *blocks <= terms.quiet_blocks) {
            return Err(KeeperRefusal::OwnWorkFirst { blocks, quiet: terms.quiet_blocks });
        }
        Ok(KeeperDue { action, chain: side.chain, escrow: side.escrow, when, numbers })
    }

    fn source_side(&self) -> Result<Side<'a>, KeeperRefusal> {
        let source = self.source;
        if source.end.is_some_and(|(end, _)| is_over(end, source.token())) {
            return Err(KeeperRefusal::Ended);
        }
        let bound = source.immutables().ok_or(KeeperRefusal::TermsUnknown)?;
        // No factory of BMN puts the deposit there: with one every call reverts (`protocol.md` section 9).
        if source.dialect.has_absolute_times() {
            return Err(KeeperRefusal::NoDeposit);
        }
        Ok(Side {
            chain: source.swap.chain,
            at: self.source_chain,
            escrow: source.swap.escrow,
            dialect: source.dialect,
            factory: source.factory,
            created: source.created.block.number,
            bound,
        })
    }

    fn destination_side(&self) -> Result<Side<'a>, KeeperRefusal> {
        let at = self.destination_chain.ok_or(KeeperRefusal::ChainNotServed)?;
        let leg = self.destination.ok_or(KeeperRefusal::NoDestination)?;
        let bound = self.bound.ok_or(KeeperRefusal::TermsUnknown)?;
        if leg.end.is_some_and(|(end, _)| is_over(end, Some(bound.token))) {
            return Err(KeeperRefusal::Ended);
        }
        Ok(Side {
            chain: leg.chain,
            at,
            escrow: leg.escrow,
            dialect: leg.dialect,
            factory: leg.factory,
            created: leg.created.block.number,
            bound,
        })
    }

    // M10 for strangers: when this action is fair to both of them.
    fn honest(&self, action: KeeperAction) -> Result<When, KeeperRefusal> {
        if action != KeeperAction::CancelSource && self.secret != SecretKnowledge::Public {
            return Err(KeeperRefusal::SecretUnknown);
        }
        if action == KeeperAction::WithdrawDestination {
            return Ok(When::Now);
        }
        let at = self.destination_chain.ok_or(KeeperRefusal::ChainNotServed)?;
        let Some(leg) = self.destination else {
            return match action {
                KeeperAction::CancelSource => Ok(When::Now),
                _ => Err(KeeperRefusal::MakerUnpaid),
            };
        };
        let token = self.bound.map(|bound| bound.token);
        match (action, leg.end.filter(|(end, _)| is_over(*end, token))) {
            (KeeperAction::CancelSource, Some((EscrowEnd::Withdrawn { .. }, _))) => {
                Err(KeeperRefusal::MakerPaid)
            }
            (KeeperAction::CancelSource, Some((_, ended)))
            | (KeeperAction::WithdrawSource, Some((EscrowEnd::Withdrawn { .. }, ended))) => {
                Ok(height(at.view, leg.chain, ended.block.number + at.pace.confirmations))
            }
            (KeeperAction::CancelSource, None) => {
                let bound = self.bound.ok_or(KeeperRefusal::TermsUnknown)?;
                let spare = at.pace.settle().saturating_add(at.pace.block_time);
                let end = bound.timelocks.at(Stage::DstCancellation).saturating_add(spare);
                Ok(time(at.view, leg.chain, end))
            }
            _ => Err(KeeperRefusal::MakerUnpaid),
        }
    }
}

impl Side<'_> {
    fn confirmed(&self) -> When {
        let number = self.created.saturating_add(self.at.pace.confirmations);
        height(self.at.view, self.chain, number)
    }

    fn in_time(&self, window: Window) -> Result<When, KeeperRefusal> {
        let last_send = window.end.saturating_sub(self.at.pace.inclusion);
        let now = self.at.view.next_time;
        if now > last_send || window.start >= last_send {
            return Err(KeeperRefusal::TooLate { seconds: now.saturating_sub(last_send) });
        }
        Ok(time(self.at.view, self.chain, window.start))
    }
}

fn window(action: KeeperAction, bound: &Immutables) -> Window {
    let at = |stage| bound.timelocks.at(stage);
    match action {
        KeeperAction::WithdrawDestination => {
            Window { start: at(Stage::DstPublicWithdrawal), end: at(Stage::DstCancellation) }
        }
        KeeperAction::WithdrawSource => {
            Window { start: at(Stage::SrcPublicWithdrawal), end: at(Stage::SrcCancellation) }
        }
        KeeperAction::CancelSource => {
            Window { start: at(Stage::SrcPublicCancellation), end: u64::MAX }
        }
    }
}

fn is_over(end: EscrowEnd, own: Option<AddressWord>) -> bool {
    match end {
        EscrowEnd::Withdrawn { .. } | EscrowEnd::Cancelled => true,
        EscrowEnd::Rescued { token } => own.is_some_and(|own| own.masked() == token),
    }
}

fn time(view: ChainView, chain: ChainId, time: u64) -> When {
    if view.next_time >= time { When::Now } else { When::Wake(vec![Wake::Time { chain, time }]) }
}

fn height(view: ChainView, chain: ChainId, number: u64) -> When {
    if view.head.number >= number {
        When::Now
    } else {
        When::Wake(vec![Wake::Height { chain, number }])
    }
}

fn and(first: When, second: When) -> When {
    match first {
        When::Now => second,
        When::Wake(_) => first,
    }
}
