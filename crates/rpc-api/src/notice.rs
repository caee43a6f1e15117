//! What subscribers are told.

use crate::{
    Amount, Cursor, EscrowSide, EscrowState, EscrowWindows, SubscribeFrom, SwapChange, WireBlock,
    WireInclusion,
};
use alloy::primitives::{Address, B256};
use serde::{Deserialize, Serialize};

/// One message of a subscription. Which there are follows from its kind; `reorg` and `lagged` belong to
/// several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Notice {
    /// `swaps`: an order of this node changed.
    Change(SwapChange),
    /// `orders`: a source escrow was created or has ended.
    Order(Box<OrderNotice>),
    /// `secrets`: a withdrawal showed a secret.
    Secret(SecretNotice),
    /// `blocks`: the index has taken blocks.
    Block(BlockNotice),
    /// `orders`, `secrets`, `blocks`: what was told of some blocks is void.
    Reorg(ReorgNotice),
    /// `alerts`: something for a person to look at began or is over.
    Alert(AlertNotice),
    /// The subscriber was too slow and the subscription is over: subscribe again from here, and nothing is
    /// missing.
    #[serde(rename_all = "camelCase")]
    Lagged {
        /// `from` of the next subscription; `null` for `alerts`, which begin with what stands.
        resume_from: Option<SubscribeFrom>,
    },
}

/// A source escrow, whoever it is for, as one block left it. `bmn_getSources` has the rest of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OrderNotice {
    /// Source chain id.
    pub chain: u64,
    /// The clone.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub escrow: Address,
    /// Factory that created it.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub factory: Address,
    /// The factory's dialect.
    pub dialect: String,
    /// What it is now: `open` is a new one.
    pub state: EscrowState,
    /// Order of this node that it is bound to; `null` for a stranger's.
    pub order_id: Option<String>,
    /// Order hash it names. What an old factory does not put on chain is `null`, here and below.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Hash>"))]
    pub order_hash: Option<B256>,
    /// Hash of the secret.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Hash>"))]
    pub hashlock: Option<B256>,
    /// Maker word.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Hash>"))]
    pub maker: Option<B256>,
    /// Taker word.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Hash>"))]
    pub taker: Option<B256>,
    /// Token word; zero is the native coin.
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::Hash>"))]
    pub token: Option<B256>,
    /// Amount locked, smallest unit.
    pub amount: Option<Amount>,
    /// What the destination must hold.
    pub wanted: Option<WantedDestination>,
    /// Absolute windows.
    pub windows: Option<EscrowWindows>,
    /// Where that happened.
    pub at: WireInclusion,
    /// Where to go on after this notice.
    pub resume: Cursor,
}

/// What a source escrow says its destination must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct WantedDestination {
    /// Destination chain id, as the contract carries it.
    pub chain_id: Amount,
    /// Token word on that chain; zero is the native coin.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Hash"))]
    pub token: B256,
    /// Amount, smallest unit.
    pub amount: Amount,
}

/// A secret that a chain has shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SecretNotice {
    /// Chain id.
    pub chain: u64,
    /// Hash of the secret.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Hash"))]
    pub hashlock: B256,
    /// The secret. It stays known when its block is reverted.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Hash"))]
    pub secret: B256,
    /// The escrow that was opened.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Address"))]
    pub escrow: Address,
    /// Which side it is on.
    pub side: EscrowSide,
    /// Order of this node that it belongs to; `null` for a stranger's.
    pub order_id: Option<String>,
    /// Where.
    pub at: WireInclusion,
    /// Where to go on after this notice.
    pub resume: Cursor,
}

/// Blocks that the index has taken, without a gap to those of the notice before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct BlockNotice {
    /// Chain id.
    pub chain: u64,
    /// Number of the first of them. It is that of `block` wherever the index remembers every block; older
    /// final ones without events come as a run, of which only the last is named.
    pub from: u64,
    /// The last of them.
    pub block: WireBlock,
    /// Indexed events in it. The blocks before it hold none.
    pub events: u64,
    /// Rolling hash over every indexed event up to and with it, as `bmn_getDigest` has it.
    #[cfg_attr(feature = "schema", schemars(with = "crate::schema::Hash"))]
    pub digest: B256,
    /// Where to go on after this notice.
    pub resume: Cursor,
}

/// What was told of some blocks is void: forget it. What took their place follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReorgNotice {
    /// Chain id.
    pub chain: u64,
    /// The first of them: what was told of this block and of all after it. Exact for who was subscribed all
    /// the time; for who comes back it is at the latest the first that was not final when he left.
    pub from_block: u64,
    /// Where to go on after this notice.
    pub resume: Cursor,
}

/// Something for a person to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AlertNotice {
    /// What it is.
    pub kind: AlertKind,
    /// True when it stands, false when it is over.
    pub standing: bool,
    /// Chain id; `null` when it is about none or about several.
    pub chain: Option<u64>,
    /// Order id; `null` when it is about none.
    pub order_id: Option<String>,
    /// The action that is late or was given up; `null` when it is about none.
    pub action: Option<String>,
    /// Why, in words.
    pub reason: String,
}

/// Kinds of alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum AlertKind {
    /// The node takes no new orders or does not act on some chain.
    NotActing,
    /// The index of a chain does not show its newest block, or is built again.
    ChainBehind,
    /// No new block of a chain came for two minutes.
    ChainStopped,
    /// An action is due, and its latest safe time is near or over.
    Overdue,
    /// A withdrawal or permission was not sent by its latest safe time. It stands for good.
    MissedDeadline,
    /// A step was given up. It stands until the dead letter is requeued or dropped.
    DeadLetter,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WireWindow;
    use alloy::primitives::U256;
    use serde_json::json;

    #[test]
    fn a_notice_says_what_it_is() {
        let lagged = |from| serde_json::to_value(Notice::Lagged { resume_from: from }).unwrap();
        let number = SubscribeFrom::Number(7);
        assert_eq!(lagged(Some(number)), json!({ "type": "lagged", "resumeFrom": 7 }));
        assert_eq!(lagged(None), json!({ "type": "lagged", "resumeFrom": null }));
        let resume = Cursor("ab".to_owned());
        let reorg = Notice::Reorg(ReorgNotice { chain: 1, from_block: 9, resume });
        let wire = json!({ "type": "reorg", "chain": 1, "fromBlock": 9, "resume": "ab" });
        assert_eq!(serde_json::to_value(&reorg).unwrap(), wire);
        assert_eq!(serde_json::from_value::<Notice>(wire).unwrap(), reorg);
    }

    #[test]
    fn the_longest_notice_of_a_chain_is_below_two_kibibytes() {
        let (word, most) = (Some(B256::repeat_byte(0xff)), Amount(U256::MAX));
        let window = WireWindow { start: u64::MAX, end: Some(u64::MAX) };
        let block = WireBlock { number: u64::MAX, hash: B256::ZERO, time: u64::MAX };
        let order = OrderNotice {
            chain: u64::MAX,
            escrow: Address::ZERO,
            factory: Address::ZERO,
            dialect: "oneinch2".to_owned(),
            state: EscrowState::Withdrawn,
            order_id: Some(format!("{}:{}:{}:{}", u64::MAX, Address::ZERO, B256::ZERO, u16::MAX)),
            order_hash: word,
            hashlock: word,
            maker: word,
            taker: word,
            token: word,
            amount: Some(most),
            wanted: Some(WantedDestination { chain_id: most, token: B256::ZERO, amount: most }),
            windows: Some(EscrowWindows {
                withdraw: window,
                public_withdraw: window,
                cancel: window,
            }),
            at: WireInclusion { block, tx_hash: B256::ZERO, log_index: u32::MAX },
            resume: Cursor("0".repeat(2 * 92)),
        };
        let written = serde_json::to_string(&Notice::Order(Box::new(order))).unwrap();
        assert!(written.len() < 2_048, "{}", written.len());
    }
}
