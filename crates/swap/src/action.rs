//! What we do, keyed so that it is done once.

use alloy::primitives::Address;
use bmn_primitives::{ChainId, OrderId};
use serde::{Deserialize, Serialize};

/// A step we take for an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[repr(u8)]
pub enum Action {
    /// Withdraw the source with the public secret.
    WithdrawSource = 0,
    /// Withdraw the destination for the maker, which publishes the secret.
    WithdrawDestination = 1,
    /// Sign the maker's permission to withdraw the destination alone. No transaction.
    Permit = 2,
    /// Take our destination back.
    CancelDestination = 3,
    /// Give the maker's source back.
    CancelSource = 4,
    /// Create and fund the destination escrow.
    FundDestination = 5,
    /// Fill the maker's order, which creates the source escrow.
    Fill = 6,
    /// Take the source of a swap whose destination was paid, after the rescue delay.
    RescueSource = 7,
    /// Finish a stranger's destination with the public secret, for its safety deposit.
    PublicWithdrawDestination = 8,
    /// Finish a stranger's source with the public secret, for its safety deposit.
    PublicWithdrawSource = 9,
    /// Give a stranger's source back to its maker, for its safety deposit.
    PublicCancelSource = 10,
}

impl Action {
    /// Every action, most urgent first.
    pub const ALL: [Self; 11] = [
        Self::WithdrawSource,
        Self::WithdrawDestination,
        Self::Permit,
        Self::CancelDestination,
        Self::CancelSource,
        Self::FundDestination,
        Self::Fill,
        Self::RescueSource,
        Self::PublicWithdrawDestination,
        Self::PublicWithdrawSource,
        Self::PublicCancelSource,
    ];

    /// Lower runs first. Money that could be lost goes before money that could be won.
    pub const fn priority(self) -> u8 {
        self as u8
    }

    /// The action with this [`priority`](Self::priority), if any.
    pub fn from_priority(priority: u8) -> Option<Self> {
        Self::ALL.get(usize::from(priority)).copied()
    }

    /// A public action on a stranger's escrow: nothing of ours is in it.
    pub const fn is_keeper(self) -> bool {
        matches!(
            self,
            Self::PublicWithdrawDestination | Self::PublicWithdrawSource | Self::PublicCancelSource
        )
    }

    /// Name in answers and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WithdrawSource => "withdrawSource",
            Self::WithdrawDestination => "withdrawDestination",
            Self::Permit => "permit",
            Self::CancelDestination => "cancelDestination",
            Self::CancelSource => "cancelSource",
            Self::FundDestination => "fundDestination",
            Self::Fill => "fill",
            Self::RescueSource => "rescueSource",
            Self::PublicWithdrawDestination => "publicWithdrawDestination",
            Self::PublicWithdrawSource => "publicWithdrawSource",
            Self::PublicCancelSource => "publicCancelSource",
        }
    }
}

/// Key of an action (design rule M3): at most one live transaction each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ActionKey {
    /// The order it is for.
    pub order: OrderId,
    /// The step.
    pub action: Action,
    /// The chain it happens on.
    pub chain: ChainId,
    /// The escrow it touches; zero for a fill or a funding, which belong to the order.
    pub escrow: Address,
}

impl ActionKey {
    /// Length of [`Self::to_bytes`].
    pub const LEN: usize = OrderId::LEN + 1 + 8 + 20;

    /// Fixed-length form; keys of one order are adjacent.
    pub fn to_bytes(self) -> [u8; Self::LEN] {
        let mut bytes = [0u8; Self::LEN];
        let (order, rest) = bytes.split_at_mut(OrderId::LEN);
        order.copy_from_slice(&self.order.to_bytes());
        rest[0] = self.action.priority();
        rest[1..9].copy_from_slice(&self.chain.0.to_be_bytes());
        rest[9..].copy_from_slice(self.escrow.as_slice());
        bytes
    }

    /// Reads [`Self::to_bytes`]; `None` when it is not one.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != Self::LEN {
            return None;
        }
        let (order, rest) = bytes.split_at(OrderId::LEN);
        Some(Self {
            order: OrderId::from_bytes(order)?,
            action: Action::from_priority(rest[0])?,
            chain: ChainId(u64::from_be_bytes(rest[1..9].try_into().ok()?)),
            escrow: Address::from_slice(&rest[9..]),
        })
    }
}

/// What a waiting action waits for, in chain terms: a head's height or its timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Wake {
    /// The chain's head has at least this number.
    Height {
        /// Chain to watch.
        chain: ChainId,
        /// Block number.
        number: u64,
    },
    /// The next block of the chain can have at least this timestamp.
    Time {
        /// Chain to watch.
        chain: ChainId,
        /// Unix seconds.
        time: u64,
    },
}

/// When an action is to be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum When {
    /// Every condition holds.
    Now,
    /// Look again when any of these comes true. More conditions may follow then.
    Wake(Vec<Wake>),
}

/// An action the plan wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// Its key.
    pub key: ActionKey,
    /// When.
    pub when: When,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::B256;
    use bmn_primitives::OrderHash;

    #[test]
    fn keys_round_trip_and_priorities_are_positions() {
        for (i, action) in Action::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(action.priority()), i);
            let key = ActionKey {
                order: OrderId {
                    chain: ChainId(1),
                    contract: Address::repeat_byte(2),
                    hash: OrderHash(B256::repeat_byte(3)),
                    leaf: 4,
                },
                action,
                chain: ChainId(5),
                escrow: Address::repeat_byte(6),
            };
            assert_eq!(ActionKey::from_bytes(&key.to_bytes()), Some(key));
        }
    }
}
