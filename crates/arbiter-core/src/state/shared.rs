//! Parts of the state are shared by its copies, so that a copy a commit is cheap. On disk they stand in full.

/// One shared value.
pub mod one {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::sync::Arc;

    /// Writes the value itself.
    pub fn serialize<T: Serialize, S: Serializer>(shared: &Arc<T>, serializer: S) -> Result<S::Ok, S::Error> {
        T::serialize(shared, serializer)
    }

    /// Reads a value and shares it.
    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<T>, D::Error> {
        T::deserialize(deserializer).map(Arc::new)
    }
}

/// A list of shared values.
pub mod list {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::VecDeque;
    use std::sync::Arc;

    /// Writes the values themselves.
    pub fn serialize<T: Serialize, S: Serializer>(
        list: &VecDeque<Arc<T>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(list.iter().map(AsRef::<T>::as_ref))
    }

    /// Reads the values and shares each.
    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<VecDeque<Arc<T>>, D::Error> {
        VecDeque::<T>::deserialize(deserializer).map(|list| list.into_iter().map(Arc::new).collect())
    }
}
