//! A value or a list of values, as filters take them.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Most values in a list, doubles included.
pub(crate) const MOST: usize = 64;

/// One value or several, never none; a list is sorted and without doubles, so that equal choices
/// are equal filters. On the wire a single one is the value itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOrMany<T>(Vec<T>);

impl<T: Ord> OneOrMany<T> {
    /// These values; `None` when there are none or too many.
    pub fn new(values: impl IntoIterator<Item = T>) -> Option<Self> {
        let mut values: Vec<T> = values.into_iter().take(MOST + 1).collect();
        if values.is_empty() || values.len() > MOST {
            return None;
        }
        values.sort_unstable();
        values.dedup();
        Some(Self(values))
    }

    /// Whether `value` is one of them.
    pub fn contains(&self, value: &T) -> bool {
        self.0.binary_search(value).is_ok()
    }
}

impl<T> OneOrMany<T> {
    /// The values, in their order.
    pub fn as_slice(&self) -> &[T] {
        &self.0
    }
}

impl<T> From<T> for OneOrMany<T> {
    fn from(value: T) -> Self {
        Self(vec![value])
    }
}

impl<T: Serialize> Serialize for OneOrMany<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            several => several.serialize(serializer),
        }
    }
}

impl<'de, T: Deserialize<'de> + Ord> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form<T> {
            One(T),
            Many(Vec<T>),
        }
        let values = match Form::deserialize(deserializer)? {
            Form::One(value) => vec![value],
            Form::Many(values) => values,
        };
        Self::new(values).ok_or_else(|| D::Error::custom(format!("expected 1 to {MOST} values")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sets_and_never_empty_or_long() {
        let read = |json: &str| serde_json::from_str::<OneOrMany<u8>>(json);
        assert_eq!(read("[3,1,3]").unwrap().as_slice(), [1, 3]);
        assert_eq!(read("7").unwrap(), OneOrMany::from(7));
        assert!(read("7").unwrap().contains(&7) && !read("[1,9]").unwrap().contains(&7));
        let long = format!("[1{}]", ",1".repeat(MOST));
        for bad in ["[]", "\"1\"", "null", "[1,\"2\"]", &long] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
