//! What the files say of one swap.

use crate::LegacyOrder;
use alloy::primitives::{Address, B256, U256};
use bmn_primitives::{Hashlock, OrderHash, Secret};
use std::fmt;

/// How far the older resolver had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LegacyStatus {
    /// Signed, not filled.
    Created,
    /// Filled: the source escrow is funded.
    SourceFunded,
    /// The destination escrow is funded.
    DestinationFunded,
    /// A chain shows the secret.
    SecretRevealed,
    /// Both sides are paid.
    Completed,
    /// Given up, both sides may have been given back.
    Cancelled,
    /// It failed; funds may still be locked.
    Failed,
}

impl LegacyStatus {
    /// Reads the names of all variants of the older resolver.
    pub(crate) fn read(text: &str) -> Option<Self> {
        Some(match text {
            "CREATED" | "ORDER_CREATED" => Self::Created,
            "FILLED"
            | "ORDER_FILLED"
            | "SRC_ESCROW_DEPLOYED"
            | "SOURCE_ESCROW_CREATED"
            | "ALICE_DEPOSITED" => Self::SourceFunded,
            "DST_CREATED" | "DST_ESCROW_DEPLOYED" | "DEST_ESCROW_CREATED" | "BOB_DEPOSITED" => {
                Self::DestinationFunded
            }
            "SECRET_REVEALED" | "DST_WITHDRAWN" | "DEST_WITHDRAWN" | "SRC_WITHDRAWN"
            | "SOURCE_WITHDRAWN" => Self::SecretRevealed,
            "COMPLETED" => Self::Completed,
            "CANCELLED" | "EXPIRED" => Self::Cancelled,
            "FAILED" => Self::Failed,
            _ => return None,
        })
    }

    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::SourceFunded => "sourceFunded",
            Self::DestinationFunded => "destinationFunded",
            Self::SecretRevealed => "secretRevealed",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// True when nothing is left to do. A failed swap may still have funds locked.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled)
    }
}

impl fmt::Display for LegacyStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A value and the file that told it first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot<T>(Option<(T, usize)>);

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Slot<T> {
    /// The value.
    pub fn get(&self) -> Option<&T> {
        self.0.as_ref().map(|(value, _)| value)
    }

    /// The number of the file it came from: [`Collection::file`](crate::Collection::file).
    pub fn file(&self) -> Option<usize> {
        self.0.as_ref().map(|(_, file)| *file)
    }
}

/// Something that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it; never a secret.
    pub reason: String,
    /// The file.
    pub file: usize,
    /// The file that it contradicts.
    pub other: Option<usize>,
}

/// An escrow of the first service or of a destination file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escrow {
    /// Its terms as far as the file has them: token.
    pub token: Address,
    /// Amount, smallest unit.
    pub amount: U256,
    /// Safety deposit, wei.
    pub safety_deposit: U256,
}

/// What one file tells of one swap.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) order_hash: Option<OrderHash>,
    pub(crate) order: Option<LegacyOrder>,
    pub(crate) source_chain: Option<u64>,
    pub(crate) destination_chain: Option<u64>,
    pub(crate) maker: Option<Address>,
    pub(crate) fill_tx: Option<B256>,
    pub(crate) source_escrow: Option<Address>,
    pub(crate) destination_escrow: Option<Address>,
    pub(crate) destination_terms: Option<Escrow>,
    pub(crate) create_tx: Option<B256>,
    pub(crate) source_withdraw_tx: Option<B256>,
    pub(crate) destination_withdraw_tx: Option<B256>,
    pub(crate) status: Option<LegacyStatus>,
    pub(crate) created_ms: Option<u64>,
    pub(crate) secret: Option<Secret>,
    pub(crate) problems: Vec<(&'static str, String)>,
}

/// One swap, and where each value came from.
#[derive(Debug)]
pub struct LegacySwap {
    /// What it is known by.
    pub hashlock: Hashlock,
    /// EIP-712 digest of the order: computed again where the order is there.
    pub order_hash: Slot<OrderHash>,
    /// The signed order.
    pub order: Slot<LegacyOrder>,
    /// Source chain id.
    pub source_chain: Slot<u64>,
    /// Destination chain id.
    pub destination_chain: Slot<u64>,
    /// Maker.
    pub maker: Slot<Address>,
    /// Transaction that filled it.
    pub fill_tx: Slot<B256>,
    /// Source escrow.
    pub source_escrow: Slot<Address>,
    /// Destination escrow.
    pub destination_escrow: Slot<Address>,
    /// What was locked at the destination.
    pub destination_terms: Slot<Escrow>,
    /// Transaction that created the destination escrow.
    pub create_tx: Slot<B256>,
    /// Withdrawal at the source.
    pub source_withdraw_tx: Slot<B256>,
    /// Withdrawal at the destination.
    pub destination_withdraw_tx: Slot<B256>,
    /// How far it was; of several files the furthest.
    pub status: Slot<LegacyStatus>,
    /// When the order was made, milliseconds since 1970; the earliest of several files.
    pub created_ms: Slot<u64>,
    /// The secret, only ever one that opens the hashlock.
    pub secret: Slot<Secret>,
    /// What does not fit.
    pub problems: Vec<Problem>,
    /// Values that another file told already.
    pub duplicates: usize,
}

impl LegacySwap {
    pub(crate) fn new(hashlock: Hashlock) -> Self {
        Self {
            hashlock,
            order_hash: Slot::default(),
            order: Slot::default(),
            source_chain: Slot::default(),
            destination_chain: Slot::default(),
            maker: Slot::default(),
            fill_tx: Slot::default(),
            source_escrow: Slot::default(),
            destination_escrow: Slot::default(),
            destination_terms: Slot::default(),
            create_tx: Slot::default(),
            source_withdraw_tx: Slot::default(),
            destination_withdraw_tx: Slot::default(),
            status: Slot::default(),
            created_ms: Slot::default(),
            secret: Slot::default(),
            problems: Vec::new(),
            duplicates: 0,
        }
    }

    /// Takes what a file tells. What was told differently before stays, and the contradiction is noted.
    pub(crate) fn merge(&mut self, told: Told, file: usize) {
        let mut notes =
            Notes { file, problems: &mut self.problems, duplicates: &mut self.duplicates };
        for (field, reason) in told.problems {
            notes.problem(field, reason, None);
        }
        notes.take("orderHash", &mut self.order_hash, told.order_hash);
        notes.take("order", &mut self.order, told.order);
        notes.take("srcChainId", &mut self.source_chain, told.source_chain);
        notes.take("dstChainId", &mut self.destination_chain, told.destination_chain);
        notes.take("maker", &mut self.maker, told.maker);
        notes.take("fillTxHash", &mut self.fill_tx, told.fill_tx);
        notes.take("srcEscrow", &mut self.source_escrow, told.source_escrow);
        notes.take("escrowAddress", &mut self.destination_escrow, told.destination_escrow);
        notes.take("immutables", &mut self.destination_terms, told.destination_terms);
        notes.take("createTxHash", &mut self.create_tx, told.create_tx);
        notes.take(
            "withdrawTxHash (source)",
            &mut self.source_withdraw_tx,
            told.source_withdraw_tx,
        );
        let paid = told.destination_withdraw_tx;
        notes.take("withdrawTxHash (destination)", &mut self.destination_withdraw_tx, paid);
        notes.secret(self.hashlock, &mut self.secret, told.secret);
        // Files are written one after another: what is furthest is newest.
        if let Some(status) = told.status {
            let ends = [LegacyStatus::Completed, LegacyStatus::Cancelled];
            let before = self.status.get().copied();
            if before.is_some_and(|before| {
                before != status && ends.contains(&before) && ends.contains(&status)
            }) {
                notes.problem(
                    "status",
                    "completed in one file, cancelled in another".to_owned(),
                    self.status.file(),
                );
            } else if before.is_none_or(|before| before < status) {
                self.status = Slot(Some((status, file)));
            }
        }
        if let Some(at) = told.created_ms
            && self.created_ms.get().is_none_or(|before| at < *before)
        {
            self.created_ms = Slot(Some((at, file)));
        }
    }
}

struct Notes<'a> {
    file: usize,
    problems: &'a mut Vec<Problem>,
    duplicates: &'a mut usize,
}

impl Notes<'_> {
    fn problem(&mut self, field: &'static str, reason: String, other: Option<usize>) {
        self.problems.push(Problem { field, reason, file: self.file, other });
    }

    fn take<T: PartialEq>(&mut self, field: &'static str, slot: &mut Slot<T>, value: Option<T>) {
        let Some(value) = value else { return };
        match &slot.0 {
            None => slot.0 = Some((value, self.file)),
            Some((before, _)) if *before == value => *self.duplicates += 1,
            Some((_, other)) => {
                let other = *other;
                self.problem(field, "another file says something else".to_owned(), Some(other));
            }
        }
    }

    fn secret(&mut self, lock: Hashlock, slot: &mut Slot<Secret>, secret: Option<Secret>) {
        let Some(secret) = secret else { return };
        if !secret.opens(lock) {
            self.problem("secret", "it does not open the hashlock".to_owned(), None);
        } else if slot.0.is_some() {
            // There is one secret that opens it.
            *self.duplicates += 1;
        } else {
            slot.0 = Some((secret, self.file));
        }
    }
}
