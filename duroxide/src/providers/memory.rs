//! The contract in plain maps: for tests and simulation, and the model that other stores are compared with.
