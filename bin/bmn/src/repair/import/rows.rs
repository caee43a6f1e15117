//! An imported swap as it is kept.

use alloy::primitives::{Address, B256, U256};
use bmn_contracts::{OrderFile, OrderWords};
use bmn_legacy::{Collection, LegacyStatus, LegacySwap, Slot};
use bmn_records::Table;
use serde::{Deserialize, Serialize};

/// Swaps of the older resolver: hashlock => the swap. History alone: nothing is decided by it.
pub(super) const IMPORTED: Table<ImportedSwap> = Table::new("imported_swaps");

/// A swap of the older resolver. Its secret, if it is still wanted, is sealed in the store and not here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ImportedSwap {
    status: Option<String>,
    order_hash: Option<B256>,
    source_chain: Option<u64>,
    destination_chain: Option<u64>,
    maker: Option<Address>,
    /// The signed order, as an order file.
    order: Option<String>,
    fill_tx: Option<B256>,
    source_escrow: Option<Address>,
    destination_escrow: Option<Address>,
    destination_token: Option<Address>,
    destination_amount: Option<U256>,
    destination_deposit: Option<U256>,
    create_tx: Option<B256>,
    source_withdraw_tx: Option<B256>,
    destination_withdraw_tx: Option<B256>,
    created_ms: Option<u64>,
    /// Whether a file had a secret that opens the hashlock.
    has_secret: bool,
    /// Field and the file that it came from.
    sources: Vec<(String, String)>,
    /// What did not fit.
    problems: Vec<String>,
}

impl ImportedSwap {
    pub(super) fn of(swap: &LegacySwap, files: &Collection) -> Self {
        let terms = swap.destination_terms.get();
        let order = order_file(swap).and_then(|file| serde_json::to_string(&file).ok());
        Self {
            status: swap.status.get().map(ToString::to_string),
            order_hash: swap.order_hash.get().map(|hash| hash.0),
            source_chain: swap.source_chain.get().copied(),
            destination_chain: swap.destination_chain.get().copied(),
            maker: swap.maker.get().copied(),
            order,
            fill_tx: swap.fill_tx.get().copied(),
            source_escrow: swap.source_escrow.get().copied(),
            destination_escrow: swap.destination_escrow.get().copied(),
            destination_token: terms.map(|terms| terms.token),
            destination_amount: terms.map(|terms| terms.amount),
            destination_deposit: terms.map(|terms| terms.safety_deposit),
            create_tx: swap.create_tx.get().copied(),
            source_withdraw_tx: swap.source_withdraw_tx.get().copied(),
            destination_withdraw_tx: swap.destination_withdraw_tx.get().copied(),
            created_ms: swap.created_ms.get().copied(),
            has_secret: swap.secret.get().is_some(),
            sources: sources(swap, files),
            problems: problems(swap, files),
        }
    }

    /// The fields in which a row that was read back is another.
    pub(super) fn differs_from(&self, found: Option<&Self>) -> Vec<String> {
        let fields = |row: &Self| serde_json::to_value(row).unwrap_or_default();
        let Some(found) = found else { return vec!["it is missing".to_owned()] };
        let (expected, found) = (fields(self), fields(found));
        let names = expected.as_object().into_iter().flat_map(|fields| fields.keys());
        names.filter(|name| expected[*name] != found[*name]).cloned().collect()
    }

    pub(super) fn problems(&self) -> &[String] {
        &self.problems
    }
}

fn sources(swap: &LegacySwap, files: &Collection) -> Vec<(String, String)> {
    fn file<T>(slot: &Slot<T>) -> Option<usize> {
        slot.file()
    }
    [
        ("status", file(&swap.status)),
        ("orderHash", file(&swap.order_hash)),
        ("srcChainId", file(&swap.source_chain)),
        ("dstChainId", file(&swap.destination_chain)),
        ("maker", file(&swap.maker)),
        ("order", file(&swap.order)),
        ("fillTxHash", file(&swap.fill_tx)),
        ("srcEscrow", file(&swap.source_escrow)),
        ("dstEscrow", file(&swap.destination_escrow)),
        ("dstTerms", file(&swap.destination_terms)),
        ("createTxHash", file(&swap.create_tx)),
        ("srcWithdrawTxHash", file(&swap.source_withdraw_tx)),
        ("dstWithdrawTxHash", file(&swap.destination_withdraw_tx)),
        ("createdAt", file(&swap.created_ms)),
        ("secret", file(&swap.secret)),
    ]
    .into_iter()
    .filter_map(|(field, file)| Some((field.to_owned(), files.file(file?).to_owned())))
    .collect()
}

fn problems(swap: &LegacySwap, files: &Collection) -> Vec<String> {
    let told = swap.problems.iter().map(|it| {
        let other = it.other.map(|other| format!(" (the other is {})", files.file(other)));
        let other = other.unwrap_or_default();
        format!("{}: `{}`: {}{other}", files.file(it.file), it.field, it.reason)
    });
    told.collect()
}

/// True for an order that no file says was filled.
pub(super) fn is_unfilled(swap: &LegacySwap) -> bool {
    let status = swap.status.get().is_none_or(|status| *status == LegacyStatus::Created);
    status && swap.order.get().is_some() && swap.fill_tx.get().is_none()
}

/// The order in the present form of order files.
pub(super) fn order_file(swap: &LegacySwap) -> Option<OrderFile> {
    let order = swap.order.get()?;
    Some(OrderFile {
        version: OrderFile::VERSION,
        chain_id: order.chain.0,
        order: OrderWords::write(&order.order.words()),
        signature: Some((&order.signature).into()),
        extension_data: order.extension.to_string(),
        order_hash: swap.order_hash.get().map(ToString::to_string),
        hashlock: Some(swap.hashlock.to_string()),
        src_chain_id: Some(order.chain.0),
        dst_chain_id: swap.destination_chain.get().copied(),
        created_at: swap.created_ms.get().copied(),
        secret_hashes: Vec::new(),
    })
}
