//! Values of the process that activities are given: `#[state]`.

use std::any::{Any, TypeId, type_name};
use std::collections::HashMap;
use std::sync::Arc;

/// One value of each type, shared by all activities of a runtime.
#[derive(Clone, Default)]
pub struct States {
    values: Arc<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl States {
    /// A clone of the value of this type.
    ///
    /// # Panics
    /// When there is none, which the runtime checks before it starts.
    pub fn get<T: Clone + Send + Sync + 'static>(&self) -> T {
        let value = self.values.get(&TypeId::of::<T>()).expect("start-up checks that every state is there");
        value.downcast_ref::<T>().expect("the key is the type of the value").clone()
    }

    pub(crate) fn insert<T: Clone + Send + Sync + 'static>(&mut self, value: T) {
        Arc::make_mut(&mut self.values).insert(TypeId::of::<T>(), Arc::new(value));
    }

    pub(crate) fn has(&self, need: &Need) -> bool {
        self.values.contains_key(&need.id)
    }
}

/// A type that a runtime must be given a value of.
#[derive(Debug, Clone, Copy)]
pub struct Need {
    id: TypeId,
    /// The type's name.
    pub name: &'static str,
}

impl Need {
    /// The need for a `T`.
    pub fn of<T: Clone + Send + Sync + 'static>() -> Self {
        Need { id: TypeId::of::<T>(), name: type_name::<T>() }
    }
}
