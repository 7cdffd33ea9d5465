//! Where a model errs most.
