//! What the fuzz targets share with the property test: see `histories`.

// Included, not depended on: the crate of the tests would bring the whole resolver with it.
#[path = "../../tests/src/histories/mod.rs"]
pub mod histories;

// The same for the store that the requests are made of.
#[allow(dead_code, missing_docs, reason = "a part of it is used here")]
#[path = "../../crates/rpc/tests/it/fixture.rs"]
pub mod fixture;
pub mod requests;
