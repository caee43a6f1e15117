//! Accounts and storage, one cheap version per block.

use super::trie::{Trie, TrieValue};
use crate::DevChainError;
use alloy::primitives::{Address, B256, Bytes, U256, keccak256, map::AddressMap};
use alloy::rlp;
use alloy_trie::{KECCAK_EMPTY, TrieAccount};
use revm::{
    Database, DatabaseCommit, DatabaseRef,
    bytecode::Bytecode,
    state::{Account as TouchedAccount, AccountInfo},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::Arc,
};

impl TrieValue for U256 {
    fn rlp(&self) -> Vec<u8> {
        rlp::encode(self)
    }
}

#[derive(Debug, Clone, Default)]
struct Account {
    nonce: u64,
    balance: U256,
    /// Shared with every account that has the same; knows its hash.
    code: Bytecode,
    storage: Trie<U256>,
}

impl Account {
    fn is_empty(&self) -> bool {
        self.nonce == 0 && self.balance.is_zero() && self.code_hash() == KECCAK_EMPTY
    }

    fn code_hash(&self) -> B256 {
        self.code.hash_slow()
    }
}

impl TrieValue for Account {
    fn rlp(&self) -> Vec<u8> {
        rlp::encode(TrieAccount {
            nonce: self.nonce,
            balance: self.balance,
            storage_root: self.storage.root(),
            code_hash: self.code_hash(),
        })
    }
}

/// The world state after a block. Cloning shares everything.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    accounts: Trie<Account>,
    /// Every code an account ever had, by its hash. Escrows are thousands of accounts with two codes.
    codes: Trie<Bytecode>,
}

/// A change made by the developer, not by a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cheat {
    /// Sets a native balance, wei.
    Balance(Address, U256),
    /// Sets the next nonce.
    Nonce(Address, u64),
    /// Sets contract code.
    Code(Address, Bytes),
    /// Sets one storage slot.
    Storage(Address, U256, U256),
}

impl State {
    fn account(&self, address: &Address) -> Option<&Account> {
        self.accounts.get(&keccak256(address))
    }

    fn update(&mut self, address: &Address, change: impl FnOnce(&mut Account)) {
        let key = keccak256(address);
        let mut account = self.accounts.get(&key).cloned().unwrap_or_default();
        change(&mut account);
        // Empty accounts do not exist (EIP-161).
        if account.is_empty() {
            self.accounts.remove(&key);
        } else {
            self.accounts.insert(&key, account);
        }
    }

    /// The one copy of this code.
    fn shared(&mut self, code: Bytecode) -> Bytecode {
        let hash = code.hash_slow();
        if hash == KECCAK_EMPTY {
            return Bytecode::default();
        }
        if let Some(known) = self.codes.get(&hash) {
            return known.clone();
        }
        self.codes.insert(&hash, code.clone());
        code
    }

    pub(crate) fn root(&self) -> B256 {
        self.accounts.root()
    }

    pub(crate) fn nonce(&self, address: &Address) -> u64 {
        self.account(address).map_or(0, |account| account.nonce)
    }

    pub(crate) fn balance(&self, address: &Address) -> U256 {
        self.account(address).map_or(U256::ZERO, |account| account.balance)
    }

    pub(crate) fn code(&self, address: &Address) -> Bytes {
        self.account(address).map_or_else(Bytes::new, |account| account.code.original_bytes())
    }

    pub(crate) fn storage(&self, address: &Address, slot: U256) -> U256 {
        let value = |account: &Account| account.storage.get(&hashed_slot(slot)).copied();
        self.account(address).and_then(value).unwrap_or_default()
    }

    pub(crate) fn apply_cheat(&mut self, cheat: &Cheat) {
        match cheat {
            Cheat::Balance(address, wei) => self.update(address, |a| a.balance = *wei),
            Cheat::Nonce(address, nonce) => self.update(address, |a| a.nonce = *nonce),
            Cheat::Code(address, code) => {
                let code = self.shared(Bytecode::new_raw(code.clone()));
                self.update(address, |a| a.code = code);
            }
            Cheat::Storage(address, slot, value) => {
                self.update(address, |a| set_slot(&mut a.storage, *slot, *value));
            }
        }
    }

    /// Empties an account's storage: what an `eth_call` override of the whole state asks for.
    pub(crate) fn clear_storage(&mut self, address: &Address) {
        self.update(address, |account| account.storage = Trie::default());
    }

    fn apply_touched(&mut self, address: &Address, touched: &TouchedAccount) {
        if !touched.is_touched() {
            return;
        }
        if touched.is_selfdestructed() {
            self.accounts.remove(&keccak256(address));
            return;
        }
        let hash = touched.info.code_hash;
        let is_new = self.account(address).map_or(KECCAK_EMPTY, Account::code_hash) != hash;
        let code = is_new.then(|| self.shared(touched.info.code.clone().unwrap_or_default()));
        self.update(address, |account| {
            if touched.is_created() {
                account.storage = Trie::default();
            }
            account.nonce = touched.info.nonce;
            account.balance = touched.info.balance;
            if let Some(code) = code {
                account.code = code;
            }
            for (slot, value) in touched.changed_storage_slots() {
                set_slot(&mut account.storage, *slot, value.present_value);
            }
        });
    }

    pub(crate) fn to_record(&self) -> StateRecord {
        let record = |(key, account): (B256, &Account)| AccountRecord {
            key,
            nonce: account.nonce,
            balance: account.balance,
            code: account.code.original_bytes(),
            storage: account.storage.entries().into_iter().map(|(k, v)| (k, *v)).collect(),
        };
        StateRecord(self.accounts.entries().into_iter().map(record).collect())
    }

    pub(crate) fn from_record(record: StateRecord) -> Self {
        let mut state = Self::default();
        for stored in record.0 {
            let AccountRecord { nonce, balance, .. } = stored;
            let code = state.shared(Bytecode::new_raw(stored.code));
            let mut account = Account { nonce, balance, code, storage: Trie::default() };
            for (slot, value) in stored.storage {
                account.storage.insert(&slot, value);
            }
            state.accounts.insert(&stored.key, account);
        }
        state
    }
}

/// Code that starts like a delegation must be one (EIP-7702).
pub(crate) fn check_code(code: &Bytes) -> Result<(), DevChainError> {
    Bytecode::new_raw_checked(code.clone())
        .map(drop)
        .map_err(|error| DevChainError::InvalidCode { reason: error.to_string() })
}

fn hashed_slot(slot: U256) -> B256 {
    keccak256(slot.to_be_bytes::<32>())
}

fn set_slot(storage: &mut Trie<U256>, slot: U256, value: U256) {
    if value.is_zero() {
        storage.remove(&hashed_slot(slot));
    } else {
        storage.insert(&hashed_slot(slot), value);
    }
}

/// A whole state as it is stored; keys are hashed.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StateRecord(Vec<AccountRecord>);

#[derive(Debug, Serialize, Deserialize)]
struct AccountRecord {
    key: B256,
    nonce: u64,
    balance: U256,
    code: Bytes,
    storage: Vec<(B256, U256)>,
}

/// Hashes of the blocks that `BLOCKHASH` can see.
pub(crate) type BlockHashes = Arc<BTreeMap<u64, B256>>;

/// The accounts that were written, each with its slots. A state knows them by their hashes alone.
pub(crate) type Written = BTreeMap<Address, BTreeSet<U256>>;

/// The state a block or call executes on.
#[derive(Debug)]
pub(crate) struct Execution {
    pub(crate) state: State,
    pub(crate) hashes: BlockHashes,
    /// What was written, where somebody wants to know.
    pub(crate) written: Option<Written>,
}

impl Execution {
    pub(crate) const fn new(state: State, hashes: BlockHashes) -> Self {
        Self { state, hashes, written: None }
    }
}

impl DatabaseRef for Execution {
    type Error = Infallible;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, Infallible> {
        Ok(self.state.account(&address).map(|account| AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash(),
            account_id: None,
            code: Some(account.code.clone()),
        }))
    }

    fn code_by_hash_ref(&self, _: B256) -> Result<Bytecode, Infallible> {
        // Accounts always come with their code, so nothing asks by hash.
        Ok(Bytecode::default())
    }

    fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, Infallible> {
        Ok(self.state.storage(&address, slot))
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, Infallible> {
        Ok(self.hashes.get(&number).copied().unwrap_or_default())
    }
}

impl Database for Execution {
    type Error = Infallible;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Infallible> {
        self.basic_ref(address)
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, Infallible> {
        self.code_by_hash_ref(hash)
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, Infallible> {
        self.storage_ref(address, slot)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Infallible> {
        self.block_hash_ref(number)
    }
}

impl DatabaseCommit for Execution {
    fn commit(&mut self, changes: AddressMap<TouchedAccount>) {
        // The order of accounts cannot be seen: each touches its own leaf.
        for (address, touched) in &changes {
            self.state.apply_touched(address, touched);
            if let Some(written) = &mut self.written
                && touched.is_touched()
            {
                let slots = touched.changed_storage_slots().map(|(slot, _)| *slot);
                written.entry(*address).or_default().extend(slots);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_trie::root::{state_root_unhashed, storage_root_unhashed};

    #[test]
    fn the_state_root_is_the_one_computed_from_all_accounts() {
        let (rich, contract) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let code = Bytes::from_static(&[0x60, 0x01]);
        let mut state = State::default();
        for cheat in [
            Cheat::Balance(rich, U256::from(7)),
            Cheat::Nonce(rich, 3),
            Cheat::Code(contract, code.clone()),
            Cheat::Storage(contract, U256::from(1), U256::from(2)),
            Cheat::Storage(contract, U256::from(5), U256::from(6)),
            Cheat::Storage(contract, U256::from(5), U256::ZERO),
            Cheat::Balance(Address::repeat_byte(3), U256::ZERO),
        ] {
            state.apply_cheat(&cheat);
        }
        let slots = [(B256::from(U256::from(1)), U256::from(2))];
        let expected = state_root_unhashed([
            (rich, TrieAccount { nonce: 3, balance: U256::from(7), ..TrieAccount::default() }),
            (
                contract,
                TrieAccount {
                    storage_root: storage_root_unhashed(slots),
                    code_hash: keccak256(&code),
                    ..TrieAccount::default()
                },
            ),
        ]);
        assert_eq!(state.root(), expected);
        assert_eq!(State::from_record(state.to_record()).root(), expected);
    }

    #[test]
    fn accounts_with_the_same_code_share_it() {
        let code = Bytes::from_static(&[0x60, 0x01, 0x00]);
        let accounts = [1u8, 2].map(Address::repeat_byte);
        let mut state = State::default();
        for account in accounts {
            state.apply_cheat(&Cheat::Code(account, Bytes::copy_from_slice(&code)));
        }
        let copies = |state: &State| {
            let place = |at| state.account(at).unwrap().code.original_byte_slice().as_ptr();
            accounts.iter().map(place).collect::<BTreeSet<_>>().len()
        };
        assert_eq!(copies(&state), 1);
        let read = State::from_record(state.to_record());
        assert_eq!((copies(&read), read.root()), (1, state.root()));
        assert_eq!(read.code(&accounts[1]), code);
    }

    #[test]
    fn code_that_is_taken_away_leaves_no_account() {
        let at = Address::repeat_byte(1);
        let mut state = State::default();
        state.apply_cheat(&Cheat::Code(at, Bytes::from_static(&[0x00])));
        state.apply_cheat(&Cheat::Code(at, Bytes::new()));
        assert_eq!(state.root(), State::default().root());
    }

    #[test]
    fn an_account_is_as_large_as_what_it_holds() {
        // Nonce, balance, code and storage.
        assert_eq!(size_of::<Account>(), 8 + 32 + 8 + 16);
    }
}
