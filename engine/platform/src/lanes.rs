//! SIMD registers of the current machine.
//!
//! A function written with [`vectorised!`] is compiled once for each instruction set below; the best one is chosen at each call.
//! Its body is generic over [`Lanes`]. Matrix products use the registers explicitly, because the compiler does not keep a tile of
//! sums in registers. Plain loops over chunks of [`BLOCK`] entries only need [`fused`]; the compiler vectorises them for each
//! instruction set.

/// Chunk size of plain loops: the number of floats in the widest register.
pub const BLOCK: usize = 16;

/// A register of floats.
pub trait Lanes: Copy {
    /// Floats in a register.
    const COUNT: usize;
    /// Whether multiply-add is one instruction with a single rounding.
    const FUSED: bool;
    /// Rows of the tile of sums that a matrix product keeps in registers.
    const TILE_ROWS: usize;
    /// Sets every entry to `value`.
    fn splat(value: f32) -> Self;
    /// Loads [`Self::COUNT`] floats.
    ///
    /// # Safety
    /// They must be readable, and the machine must have the instruction set.
    #[allow(unsafe_code, reason = "registers are filled from raw addresses")]
    unsafe fn load(from: *const f32) -> Self;
    /// Stores [`Self::COUNT`] floats.
    ///
    /// # Safety
    /// They must be writable, and the machine must have the instruction set.
    #[allow(unsafe_code, reason = "registers are stored to raw addresses")]
    unsafe fn store(self, to: *mut f32);
    /// The products of 32 signed bytes and 32 integers of at most 8 bits, added up to one register of sums.
    ///
    /// # Safety
    /// As for [`Self::load`].
    #[inline(always)]
    #[allow(unsafe_code, reason = "registers are filled from raw addresses")]
    unsafe fn dot_i8(bytes: *const i8, x: *const i16) -> Self {
        // SAFETY: the caller guarantees 32 readable entries each; the reads need no alignment.
        let (bytes, x) =
            unsafe { (bytes.cast::<[i8; 32]>().read_unaligned(), x.cast::<[i16; 32]>().read_unaligned()) };
        Self::dot(bytes.map(i16::from), x)
    }

    /// [`Self::dot_i8`] of the low four bits of 16 bytes and then their high ones, less 8.
    ///
    /// # Safety
    /// As for [`Self::load`].
    #[inline(always)]
    #[allow(unsafe_code, reason = "registers are filled from raw addresses")]
    unsafe fn dot_nibbles(bytes: *const u8, x: *const i16) -> Self {
        // SAFETY: the caller guarantees 16 readable bytes and 32 integers; the reads need no alignment.
        let (bytes, x) =
            unsafe { (bytes.cast::<[u8; 16]>().read_unaligned(), x.cast::<[i16; 32]>().read_unaligned()) };
        let mut weights = [0; 32];
        for (at, byte) in bytes.into_iter().enumerate() {
            weights[at] = i16::from(byte & 15) - 8;
            weights[at + 16] = i16::from(byte >> 4) - 8;
        }
        Self::dot(weights, x)
    }

    /// [`Self::dot_i8`] of integers of at most 8 bits.
    #[inline(always)]
    #[allow(unsafe_code, reason = "registers are filled from raw addresses")]
    fn dot(weights: [i16; 32], x: [i16; 32]) -> Self {
        let mut sums = [0; BLOCK];
        for (at, (weight, x)) in weights.into_iter().zip(x).enumerate() {
            sums[at % Self::COUNT] += i32::from(weight) * i32::from(x);
        }
        // SAFETY: a register is no longer than a block.
        unsafe { Self::load(sums.map(|sum| sum as f32).as_ptr()) }
    }

    /// Loads [`Self::COUNT`] finite 16-bit floats, given by their bits.
    ///
    /// # Safety
    /// As for [`Self::load`].
    #[inline(always)]
    #[allow(unsafe_code, reason = "registers are filled from raw addresses")]
    unsafe fn load_f16(from: *const u16) -> Self {
        let mut lanes = [0.0; BLOCK];
        for (at, lane) in lanes[..Self::COUNT].iter_mut().enumerate() {
            // SAFETY: guaranteed by the caller.
            *lane = finite_f16(unsafe { from.add(at).read() });
        }
        // SAFETY: as above.
        unsafe { Self::load(lanes.as_ptr()) }
    }

    /// self·factor + term.
    fn mul_add(self, factor: Self, term: Self) -> Self;
    fn add(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;

    /// Sum of the entries by halves: adds entries i and i + COUNT/2, then i and i + COUNT/4, and so on.
    #[inline(always)]
    fn total(self) -> f32 {
        let mut lanes = [0.0; BLOCK];
        // SAFETY: a register is no longer than a block.
        #[allow(unsafe_code, reason = "registers are stored to raw addresses")]
        unsafe {
            self.store(lanes.as_mut_ptr());
        }
        let mut half = Self::COUNT / 2;
        while half > 0 {
            for at in 0..half {
                lanes[at] += lanes[at + half];
            }
            half /= 2;
        }
        lanes[0]
    }

    /// [`Self::total`] of each of eight registers, bit-identical.
    #[inline(always)]
    fn totals(eight: [Self; 8]) -> [f32; 8] {
        eight.map(Self::total)
    }
}

/// A finite 16-bit float from its bits.
#[inline(always)]
pub fn finite_f16(bits: u16) -> f32 {
    // Widening the exponent's field divides by 2¹¹², subnormal numbers included.
    let magnitude = f32::from_bits(u32::from(bits & 0x7fff) << 13) * 2.0_f32.powi(112);
    f32::from_bits(magnitude.to_bits() | u32::from(bits & 0x8000) << 16)
}

/// a·b + c, in one instruction if `L` has one; elsewhere the library's `mul_add` is a slow call.
#[inline(always)]
pub fn fused<L: Lanes>(a: f32, b: f32, c: f32) -> f32 {
    if L::FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// Prefetches `count` floats into the cache. They are not read, so any address is allowed. No-op on machines without the
/// instruction.
#[inline(always)]
pub fn prefetch(from: *const f32, count: usize) {
    #[cfg(target_arch = "x86_64")]
    for at in (0..count).step_by(BLOCK) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 CPU has the instruction, and it accepts any address.
        #[allow(unsafe_code, reason = "a hint to the machine's cache")]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(at).cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (from, count);
}

/// Four floats, for any machine.
#[derive(Clone, Copy)]
pub struct Portable([f32; 4]);

impl Lanes for Portable {
    const COUNT: usize = 4;
    const FUSED: bool = cfg!(target_arch = "aarch64");
    const TILE_ROWS: usize = 4;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self([value; 4])
    }

    #[inline(always)]
    #[allow(unsafe_code, reason = "registers are filled from raw addresses")]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller guarantees four readable floats; the read needs no alignment.
        Self(unsafe { from.cast::<[f32; 4]>().read_unaligned() })
    }

    #[inline(always)]
    #[allow(unsafe_code, reason = "registers are stored to raw addresses")]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller guarantees four writable floats; the write needs no alignment.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(std::array::from_fn(|at| fused::<Self>(self.0[at], factor.0[at], term.0[at])))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] + other.0[at]))
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] * other.0[at]))
    }
}

/// WebAssembly's 128-bit registers. Products are rounded before they are added: only relaxed SIMD could fuse them, and it does
/// not guarantee that it does.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm {
    use super::Lanes;
    use std::arch::wasm32::{
        f32x4_add, f32x4_convert_i32x4, f32x4_mul, f32x4_splat, i32x4_add, i32x4_dot_i16x8, i32x4_splat,
        v128, v128_load, v128_store,
    };

    #[derive(Clone, Copy)]
    pub struct Simd128(v128);

    impl Lanes for Simd128 {
        const COUNT: usize = 4;
        const FUSED: bool = false;
        const TILE_ROWS: usize = 4;

        #[inline(always)]
        fn splat(value: f32) -> Self {
            Self(f32x4_splat(value))
        }

        #[inline(always)]
        #[allow(unsafe_code, reason = "registers are filled from raw addresses")]
        unsafe fn load(from: *const f32) -> Self {
            // SAFETY: the caller guarantees four readable floats; the read needs no alignment.
            Self(unsafe { v128_load(from.cast()) })
        }

        #[inline(always)]
        #[allow(unsafe_code, reason = "registers are stored to raw addresses")]
        unsafe fn store(self, to: *mut f32) {
            // SAFETY: the caller guarantees four writable floats; the write needs no alignment.
            unsafe { v128_store(to.cast(), self.0) }
        }

        #[inline(always)]
        fn mul_add(self, factor: Self, term: Self) -> Self {
            Self(f32x4_add(f32x4_mul(self.0, factor.0), term.0))
        }

        #[inline(always)]
        #[allow(unsafe_code, reason = "registers are filled from raw addresses")]
        fn dot(weights: [i16; 32], x: [i16; 32]) -> Self {
            let mut sums = i32x4_splat(0);
            for (weights, x) in weights.as_chunks::<8>().0.iter().zip(x.as_chunks::<8>().0) {
                // SAFETY: chunks of eight integers; the reads need no alignment.
                let (weights, x) =
                    unsafe { (v128_load(weights.as_ptr().cast()), v128_load(x.as_ptr().cast())) };
                sums = i32x4_add(sums, i32x4_dot_i16x8(weights, x));
            }
            Self(f32x4_convert_i32x4(sums))
        }

        #[inline(always)]
        fn add(self, other: Self) -> Self {
            Self(f32x4_add(self.0, other.0))
        }

        #[inline(always)]
        fn mul(self, other: Self) -> Self {
            Self(f32x4_mul(self.0, other.0))
        }
    }
}

/// The registers that the target always has; used if nothing better is detected.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub use wasm::Simd128 as Baseline;

/// The registers that the target always has; used if nothing better is detected.
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
pub use Portable as Baseline;

/// Instruction sets supported by [`vectorised!`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// 512-bit registers (x86-64-v4).
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// 256-bit registers with fused multiply-add and 16-bit floats (x86-64-v3).
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// The registers that the target always has.
    Portable,
}

impl Level {
    /// Name in a run's record. Fused and unfused products differ in the last digits, so the portable variants (`simd128`,
    /// `portable-fused`, `portable`) have separate names.
    pub fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "avx2",
            Self::Portable if cfg!(target_feature = "simd128") => "simd128",
            Self::Portable if Portable::FUSED => "portable-fused",
            Self::Portable => "portable",
        }
    }
}

/// The best instruction set of this machine; detected once and cached.
#[inline]
pub fn level() -> Level {
    #[cfg(target_arch = "x86_64")]
    {
        let wide = std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512vl")
            && std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("avx512dq");
        let middle = std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("fma")
            && std::arch::is_x86_feature_detected!("f16c");
        if wide && middle {
            return Level::Avx512;
        }
        if middle {
            return Level::Avx2;
        }
    }
    Level::Portable
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Lanes;
    use std::arch::x86_64::{
        __m256, __m256i, __m512, _mm_loadu_si128, _mm_srli_epi16, _mm256_add_epi32, _mm256_add_ps,
        _mm256_and_si256, _mm256_castsi256_si128, _mm256_cvtepi8_epi16, _mm256_cvtepi32_ps, _mm256_cvtph_ps,
        _mm256_extracti128_si256, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16,
        _mm256_mul_ps, _mm256_set_m128i, _mm256_set1_epi8, _mm256_set1_ps, _mm256_storeu_ps, _mm256_sub_epi8,
        _mm512_add_ps, _mm512_cvtepi8_epi16, _mm512_cvtepi32_ps, _mm512_cvtph_ps, _mm512_fmadd_ps,
        _mm512_loadu_ps, _mm512_loadu_si512, _mm512_madd_epi16, _mm512_mul_ps, _mm512_set1_ps,
        _mm512_shuffle_f32x4, _mm512_shuffle_ps, _mm512_storeu_ps,
    };

    /// 32 integers from the low and then the high four bits of 16 bytes, less 8.
    #[inline(always)]
    #[allow(
        unsafe_code,
        reason = "vector instructions; the copies that use them run only where `level` found them"
    )]
    unsafe fn nibbles(bytes: *const u8) -> __m256i {
        // SAFETY: the caller guarantees 16 readable bytes.
        unsafe {
            let bytes = _mm_loadu_si128(bytes.cast());
            let both = _mm256_set_m128i(_mm_srli_epi16::<4>(bytes), bytes);
            _mm256_sub_epi8(_mm256_and_si256(both, _mm256_set1_epi8(15)), _mm256_set1_epi8(8))
        }
    }

    /// [`Lanes::dot_i8`].
    #[inline(always)]
    #[allow(
        unsafe_code,
        reason = "vector instructions; the copies that use them run only where `level` found them"
    )]
    unsafe fn dot_512(weights: __m256i, x: *const i16) -> Avx512 {
        // SAFETY: the caller guarantees 32 readable integers.
        unsafe {
            let products = _mm512_madd_epi16(_mm512_cvtepi8_epi16(weights), _mm512_loadu_si512(x.cast()));
            Avx512(_mm512_cvtepi32_ps(products))
        }
    }

    /// [`Lanes::dot_i8`].
    #[inline(always)]
    #[allow(
        unsafe_code,
        reason = "vector instructions; the copies that use them run only where `level` found them"
    )]
    unsafe fn dot_256(weights: __m256i, x: *const i16) -> Avx2 {
        // SAFETY: as above.
        unsafe {
            let low = _mm256_cvtepi8_epi16(_mm256_castsi256_si128(weights));
            let high = _mm256_cvtepi8_epi16(_mm256_extracti128_si256::<1>(weights));
            let low = _mm256_madd_epi16(low, _mm256_loadu_si256(x.cast()));
            let high = _mm256_madd_epi16(high, _mm256_loadu_si256(x.add(16).cast()));
            Avx2(_mm256_cvtepi32_ps(_mm256_add_epi32(low, high)))
        }
    }

    macro_rules! register {
        ($name:ident, $register:ty, $count:literal, $rows:literal, $splat:ident, $load:ident, $store:ident, $fused:ident, $add:ident, $mul:ident $(, $own:item)*) => {
            /// A register of the named instruction set.
            #[derive(Clone, Copy)]
            pub struct $name($register);

            #[allow(
                unsafe_code,
                reason = "vector instructions; the copies that use them run only where `level` found them"
            )]
            impl Lanes for $name {
                const COUNT: usize = $count;
                const FUSED: bool = true;
                const TILE_ROWS: usize = $rows;

                #[inline(always)]
                fn splat(value: f32) -> Self {
                    // SAFETY: only called from the copy of a function that `level` chose.
                    Self(unsafe { $splat(value) })
                }

                #[inline(always)]
                unsafe fn load(from: *const f32) -> Self {
                    // SAFETY: the caller guarantees readable floats.
                    Self(unsafe { $load(from) })
                }

                #[inline(always)]
                unsafe fn store(self, to: *mut f32) {
                    // SAFETY: the caller guarantees writable floats.
                    unsafe { $store(to, self.0) }
                }

                #[inline(always)]
                fn mul_add(self, factor: Self, term: Self) -> Self {
                    // SAFETY: as for `splat`.
                    Self(unsafe { $fused(self.0, factor.0, term.0) })
                }

                #[inline(always)]
                fn add(self, other: Self) -> Self {
                    // SAFETY: as for `splat`.
                    Self(unsafe { $add(self.0, other.0) })
                }

                #[inline(always)]
                fn mul(self, other: Self) -> Self {
                    // SAFETY: as for `splat`.
                    Self(unsafe { $mul(self.0, other.0) })
                }

                $($own)*
            }
        };
    }

    register!(
        Avx512,
        __m512,
        16,
        8,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_fmadd_ps,
        _mm512_add_ps,
        _mm512_mul_ps,
        #[inline(always)]
        unsafe fn dot_i8(bytes: *const i8, x: *const i16) -> Self {
            // SAFETY: the caller guarantees 32 readable entries each.
            unsafe { dot_512(_mm256_loadu_si256(bytes.cast()), x) }
        },
        #[inline(always)]
        unsafe fn dot_nibbles(bytes: *const u8, x: *const i16) -> Self {
            // SAFETY: as above.
            unsafe { dot_512(nibbles(bytes), x) }
        },
        #[inline(always)]
        unsafe fn load_f16(from: *const u16) -> Self {
            // SAFETY: as above.
            unsafe { Self(_mm512_cvtph_ps(_mm256_loadu_si256(from.cast()))) }
        },
        /// Partial sums of two registers share one register.
        #[inline(always)]
        fn totals(eight: [Self; 8]) -> [f32; 8] {
            // SAFETY: as for `splat`.
            unsafe {
                let halves = |a: Self, b: Self| {
                    let low = _mm512_shuffle_f32x4::<0x44>(a.0, b.0);
                    Self(_mm512_add_ps(low, _mm512_shuffle_f32x4::<0xEE>(a.0, b.0)))
                };
                let quarters = |a: Self, b: Self| {
                    let low = _mm512_shuffle_f32x4::<0x88>(a.0, b.0);
                    _mm512_add_ps(low, _mm512_shuffle_f32x4::<0xDD>(a.0, b.0))
                };
                let [a, b, c, d, e, f, g, h] = eight;
                let first = quarters(halves(a, b), halves(c, d));
                let second = quarters(halves(e, f), halves(g, h));
                let low = _mm512_shuffle_ps::<0x44>(first, second);
                let pairs = _mm512_add_ps(low, _mm512_shuffle_ps::<0xEE>(first, second));
                let low = _mm512_shuffle_ps::<0x88>(pairs, pairs);
                let sums = _mm512_add_ps(low, _mm512_shuffle_ps::<0xDD>(pairs, pairs));
                let mut lanes = [0.0; 16];
                _mm512_storeu_ps(lanes.as_mut_ptr(), sums);
                [0, 4, 8, 12, 1, 5, 9, 13].map(|at| lanes[at])
            }
        }
    );
    register!(
        Avx2,
        __m256,
        8,
        6,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_fmadd_ps,
        _mm256_add_ps,
        _mm256_mul_ps,
        #[inline(always)]
        unsafe fn dot_i8(bytes: *const i8, x: *const i16) -> Self {
            // SAFETY: the caller guarantees 32 readable entries each.
            unsafe { dot_256(_mm256_loadu_si256(bytes.cast()), x) }
        },
        #[inline(always)]
        unsafe fn dot_nibbles(bytes: *const u8, x: *const i16) -> Self {
            // SAFETY: as above.
            unsafe { dot_256(nibbles(bytes), x) }
        },
        #[inline(always)]
        unsafe fn load_f16(from: *const u16) -> Self {
            // SAFETY: as above.
            unsafe { Self(_mm256_cvtph_ps(_mm_loadu_si128(from.cast()))) }
        }
    );
}

#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Avx512};

/// Compiles a function once for each instruction set and calls the best one: `fn name<L>(…) { … }` with `L: Lanes`. Functions
/// called by the body must be `#[inline(always)]` to be compiled for the instruction set too.
#[macro_export]
macro_rules! vectorised {
    ($($(#[$attribute:meta])* $visibility:vis fn $name:ident<$lanes:ident>($($argument:ident: $type:ty),* $(,)?) $(-> $output:ty)? $body:block)*) => {$(
        $(#[$attribute])*
        #[allow(clippy::too_many_arguments, clippy::extra_unused_type_parameters, reason = "kernels take what their op takes")]
        $visibility fn $name($($argument: $type),*) $(-> $output)? {
            #[inline(always)]
            #[allow(clippy::too_many_arguments, clippy::extra_unused_type_parameters, reason = "kernels take what their op takes")]
            fn body<$lanes: $crate::lanes::Lanes>($($argument: $type),*) $(-> $output)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,f16c")]
                #[allow(clippy::too_many_arguments, clippy::extra_unused_type_parameters, reason = "kernels take what their op takes")]
                fn wide($($argument: $type),*) $(-> $output)? {
                    body::<$crate::lanes::Avx512>($($argument),*)
                }
                #[target_feature(enable = "avx2,fma,f16c")]
                #[allow(clippy::too_many_arguments, clippy::extra_unused_type_parameters, reason = "kernels take what their op takes")]
                fn middle($($argument: $type),*) $(-> $output)? {
                    body::<$crate::lanes::Avx2>($($argument),*)
                }
                match $crate::lanes::level() {
                    // SAFETY: the instruction set was detected on this machine.
                    #[allow(unsafe_code, reason = "calls into code for a detected instruction set")]
                    $crate::lanes::Level::Avx512 => return unsafe { wide($($argument),*) },
                    // SAFETY: same as above.
                    #[allow(unsafe_code, reason = "calls into code for a detected instruction set")]
                    $crate::lanes::Level::Avx2 => return unsafe { middle($($argument),*) },
                    $crate::lanes::Level::Portable => {}
                }
            }
            body::<$crate::lanes::Baseline>($($argument),*)
        }
    )*};
}
pub use vectorised;
