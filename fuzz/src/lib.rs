//! What the fuzz targets share with the property test: see `histories`.

// Included, not depended on: the crate of the tests would bring the whole resolver with it.
#[path = "../../tests/src/histories/mod.rs"]
pub mod histories;
