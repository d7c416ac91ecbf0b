//! The attributes on `quote!` input.
