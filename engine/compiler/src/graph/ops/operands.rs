//! Named operands: an operation's inputs, outputs and gradients as structs whose fields are named as in its formula.

/// Operands of an operation `O`, each a `T`: types, values of a graph, places in memory.
pub trait Operands<O, T>: Sized {
    /// Number of operands with the operation's flags.
    fn count(op: &O) -> usize;

    /// Takes them from a list in field order; `None` if it is too short.
    fn take(op: &O, list: &mut impl Iterator<Item = T>) -> Option<Self>;

    /// Lists them in field order.
    fn list(self) -> Vec<T>;
}

/// Declares operands of an operation. An operand with `if` exists only if that flag of the operation is set. `any` declares
/// operands that several operations share.
macro_rules! operands {
    ($(#[$meta:meta])* $name:ident of any { $($field:ident),+ }) => {
        operands! { @structure $(#[$meta])* $name { $($field),+ } }
        operands! { @operands [O] O, $name { $($field),+ } }
    };
    ($($(#[$meta:meta])* $name:ident of $op:ident { $($field:ident $(: if $flag:ident)?),+ $(,)? })+) => {$(
        operands! { @structure $(#[$meta])* $name { $($field $(: if $flag)?),+ } }
        operands! { @operands [] $op, $name { $($field $(: if $flag)?),+ } }
    )+};
    (@structure $(#[$meta:meta])* $name:ident { $($field:ident $(: if $flag:ident)?),+ }) => {
        $(#[$meta])*
        pub struct $name<T> {
            $(
                #[doc = concat!("`", stringify!($field), "` of the formula.")]
                pub $field: operands!(@type T $($flag)?),
            )+
        }
    };
    (@operands [$($any:ident)?] $op:ty, $name:ident { $($field:ident $(: if $flag:ident)?),+ }) => {
        impl<$($any,)? T> $crate::graph::ops::Operands<$op, T> for $name<T> {
            #[allow(unused_variables, reason = "not every operation has flags")]
            fn count(op: &$op) -> usize {
                0 $(+ operands!(@count op $($flag)?))+
            }

            #[allow(unused_variables, reason = "not every operation has flags")]
            fn take(op: &$op, list: &mut impl Iterator<Item = T>) -> Option<Self> {
                Some(Self { $($field: operands!(@take op list $($flag)?)),+ })
            }

            fn list(self) -> Vec<T> {
                let mut list = Vec::new();
                $(list.extend(operands!(@some (self.$field) $($flag)?));)+
                list
            }
        }
    };
    (@type $item:ident) => { $item };
    (@type $item:ident $flag:ident) => { Option<$item> };
    (@count $op:ident) => { 1 };
    (@count $op:ident $flag:ident) => { usize::from($op.$flag) };
    (@take $op:ident $list:ident) => { $list.next()? };
    (@take $op:ident $list:ident $flag:ident) => { if $op.$flag { Some($list.next()?) } else { None } };
    (@some $value:tt) => { [$value] };
    (@some $value:tt $flag:ident) => { $value };
}

pub(super) use operands;

/// Name, formula and operands in an operation's implementation.
macro_rules! declare {
    ($name:literal, $formula:literal, $inputs:ident -> $outputs:ident $(+= $gradients:ident)?) => {
        const NAME: &'static str = $name;
        const FORMULA: &'static str = $formula;
        type Inputs<T> = declare!(@type $inputs T);
        type Outputs<T> = declare!(@type $outputs T);
        type Gradients<T> = declare!(@type $($gradients)? T);
    };
    (@type Nothing $t:ident) => { Nothing };
    (@type $operands:ident $t:ident) => { $operands<$t> };
    (@type $t:ident) => { Nothing };
}

pub(super) use declare;

/// [`super::Operation::f16_rules`] for some operands: `together`, `independent` or `alone_by_four`, as in [`crate::graph::half`].
macro_rules! f16_rules {
    ($rule:ident: $($side:ident.$operand:ident),+) => {
        fn f16_rules(
            &self,
            operands: $crate::graph::ops::Named<Self, $crate::graph::half::Operand>,
        ) -> Vec<$crate::graph::half::Rule> {
            $crate::graph::half::$rule(&[$(operands.$side.$operand),+])
        }
    };
}

pub(super) use f16_rules;

operands! {
    X of any { x }
}

operands! {
    /// One output y.
    Y of any { y }
}

operands! {
    /// One output dx, a gradient.
    Dx of any { dx }
}

#[derive(Clone, Copy, Debug)]
pub struct Nothing;

impl<O, T> Operands<O, T> for Nothing {
    fn count(_: &O) -> usize {
        0
    }

    fn take(_: &O, _: &mut impl Iterator<Item = T>) -> Option<Self> {
        Some(Self)
    }

    fn list(self) -> Vec<T> {
        Vec::new()
    }
}
