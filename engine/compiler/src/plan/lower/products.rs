//! Matrix product kernels by strategy: `_tiled` and `_cooperative` are separate modules with different
//! variants. A missing variant is `None`.

use super::tuning::{Side, Tier};
use glasshouse_shaders::Kernel;

/// A tier, and the matrix side for cooperative matrices.
pub(super) type Strategy = (Tier, Side);

/// No browser has cooperative matrices, so its build leaves out their kernels.
const BROWSER: bool = cfg!(target_arch = "wasm32");

/// Translates a choice to another kernel module's type.
macro_rules! same {
    ($value:ident: $own:ident, $module:ident :: $name:ident, $($choice:ident)|+) => {
        match $value {
            $($own::$choice => $module::$name::$choice,)+
            _ => return None,
        }
    };
}

/// The side of cooperative matrices in a kernel module's type.
macro_rules! side {
    ($side:expr, $module:ident) => {
        match $side {
            Side::Eight => $module::Side::Cooperative8,
            Side::Sixteen => $module::Side::Cooperative16,
        }
    };
}

pub(super) mod linear {
    use super::{BROWSER, Kernel, Side, Strategy, Tier};
    pub(in super::super) use glasshouse_shaders::linear_tiled::{Arguments, Operands};
    use glasshouse_shaders::{linear_cooperative, linear_tiled};

    pub(in super::super) fn kernel(
        (tier, side): Strategy,
        operands: Operands,
        half_out: bool,
    ) -> Option<&'static Kernel> {
        match tier {
            Tier::Tiled => linear_tiled::kernel(linear_tiled::Size::Large, operands, half_out),
            // Products do not use subgroup additions.
            Tier::Small | Tier::Subgroup => {
                linear_tiled::kernel(linear_tiled::Size::Small, operands, half_out)
            }
            Tier::Cooperative if BROWSER => None,
            Tier::Cooperative => linear_cooperative::kernel(
                side!(side, linear_cooperative),
                same!(operands: Operands, linear_cooperative::Operands, Vec4 | Half),
                half_out,
            ),
        }
    }
}

pub(super) mod linear_input_backward {
    use super::{BROWSER, Kernel, Side, Strategy, Tier};
    use glasshouse_shaders::linear_input_backward_tiled::Size;
    pub(in super::super) use glasshouse_shaders::linear_input_backward_tiled::{Arguments, Left, Right};
    use glasshouse_shaders::{linear_input_backward_cooperative, linear_input_backward_tiled};

    pub(in super::super) fn kernel(
        (tier, side): Strategy,
        left: Left,
        right: Right,
        partial: bool,
    ) -> Option<&'static Kernel> {
        match tier {
            Tier::Tiled => linear_input_backward_tiled::kernel(Size::Large, left, right, partial),
            Tier::Small | Tier::Subgroup => {
                linear_input_backward_tiled::kernel(Size::Small, left, right, partial)
            }
            Tier::Cooperative if BROWSER => None,
            Tier::Cooperative => linear_input_backward_cooperative::kernel(
                side!(side, linear_input_backward_cooperative),
                same!(right: Right, linear_input_backward_cooperative::Operands, Vec4 | Half),
                partial,
            ),
        }
    }
}

pub(super) mod linear_weight_backward {
    use super::{BROWSER, Kernel, Side, Strategy, Tier};
    use glasshouse_shaders::linear_weight_backward_tiled::Size;
    pub(in super::super) use glasshouse_shaders::linear_weight_backward_tiled::{Arguments, Left, Right};
    use glasshouse_shaders::{linear_weight_backward_cooperative, linear_weight_backward_tiled};

    pub(in super::super) fn kernel(
        (tier, side): Strategy,
        left: Left,
        right: Right,
    ) -> Option<&'static Kernel> {
        match tier {
            Tier::Tiled => linear_weight_backward_tiled::kernel(Size::Large, left, right),
            Tier::Small | Tier::Subgroup => linear_weight_backward_tiled::kernel(Size::Small, left, right),
            // Both operands have the same element type.
            Tier::Cooperative if BROWSER => None,
            Tier::Cooperative => Some(linear_weight_backward_cooperative::kernel(
                side!(side, linear_weight_backward_cooperative),
                same!(right: Right, linear_weight_backward_cooperative::Operands, Vec4 | Half),
            )),
        }
    }
}
