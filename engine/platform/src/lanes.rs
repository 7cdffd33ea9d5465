//! SIMD registers of the current machine.
//!
//! A function written with [`vectorised!`] is compiled once for each instruction set below; the best one is chosen at each call. Its body
//! is generic over [`Lanes`]. Matrix products use the registers explicitly, because the compiler does not keep a tile of sums in registers.
//! Plain loops over chunks of [`BLOCK`] entries only need [`fused`]; the compiler vectorises them for each instruction set.

/// Chunk size of plain loops: the number of floats in the widest register.
pub const BLOCK: usize = 16;

pub trait Lanes: Copy {
    /// Floats in a register.
    const COUNT: usize;
    /// Whether multiply-add is one instruction with a single rounding.
    const FUSED: bool;
    /// Rows of the tile of sums that a matrix product keeps in registers.
    const TILE_ROWS: usize;
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

    /// Whether the machine has an instruction for [`Self::dot`].
    #[inline(always)]
    fn has_vnni() -> bool {
        false
    }

    /// Reads the entries as 32-bit words: shifts each right, masks it and flips some of its bits.
    #[inline(always)]
    fn bits(self, shift: u32, mask: u32, flipped: u32) -> Self {
        self.map_words(|word| (word >> shift) & mask ^ flipped)
    }

    /// Reads the entries as words, the sums as signed integers: adds the products of the four unsigned bytes of `weights`, which use
    /// only `BITS` bits, and the four signed bytes of `x`, above −128. `VNNI` if [`Self::has_vnni`].
    #[inline(always)]
    fn dot<const BITS: usize, const VNNI: bool>(self, weights: Self, x: Self) -> Self {
        let (weights, x) = (weights.words(), x.words());
        let mut sums = self.words();
        for (sum, (weights, x)) in sums[..Self::COUNT].iter_mut().zip(weights.into_iter().zip(x)) {
            for (weight, x) in weights.to_le_bytes().into_iter().zip(x.to_le_bytes()) {
                *sum = sum.wrapping_add_signed(i32::from(weight) * i32::from(x as i8));
            }
        }
        Self::from_words(sums)
    }

    /// Reads the entries as signed integers and converts them to floats.
    #[inline(always)]
    fn integers(self) -> Self {
        self.map_words(|word| (word as i32 as f32).to_bits())
    }

    /// Reads the entries as words, each with a finite 16-bit float at bit `shift`, and converts these.
    #[inline(always)]
    fn halves(self, shift: u32) -> Self {
        self.map_words(|word| finite_f16((word >> shift) as u16).to_bits())
    }

    /// The entries' bits; zeros after the last.
    #[inline(always)]
    fn words(self) -> [u32; BLOCK] {
        let mut lanes = [0.0; BLOCK];
        // SAFETY: a register is no longer than a block.
        #[allow(unsafe_code, reason = "registers are stored to raw addresses")]
        unsafe {
            self.store(lanes.as_mut_ptr());
        }
        lanes.map(f32::to_bits)
    }

    #[inline(always)]
    fn from_words(words: [u32; BLOCK]) -> Self {
        // SAFETY: as above.
        #[allow(unsafe_code, reason = "registers are filled from raw addresses")]
        unsafe {
            Self::load(words.as_ptr().cast())
        }
    }

    #[inline(always)]
    fn map_words(self, change: impl Fn(u32) -> u32) -> Self {
        let mut words = self.words();
        for word in &mut words[..Self::COUNT] {
            *word = change(*word);
        }
        Self::from_words(words)
    }

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

/// Prefetches `count` floats into the cache. They are not read, so any address is allowed. No-op on machines without the instruction.
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
        f32x4_add, f32x4_convert_i32x4, f32x4_mul, f32x4_splat, i16x8_shl, i16x8_shr, i16x8_sub, i32x4_add,
        i32x4_dot_i16x8, i32x4_shl, u16x8_shr, u16x8_splat, u32x4_extend_low_u16x8, u32x4_shr, u32x4_splat,
        v128, v128_and, v128_load, v128_load64_zero, v128_or, v128_store, v128_xor,
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
        fn bits(self, shift: u32, mask: u32, flipped: u32) -> Self {
            Self(v128_xor(v128_and(u32x4_shr(self.0, shift), u32x4_splat(mask)), u32x4_splat(flipped)))
        }

        #[inline(always)]
        fn dot<const BITS: usize, const VNNI: bool>(self, weights: Self, x: Self) -> Self {
            let (odd, even, shifted) = (i16x8_shr(x.0, 8), i16x8_shl(x.0, 8), u16x8_shr(weights.0, 8));
            let products = if BITS < 8 {
                // Pairs of bytes are even + 256·odd, which spares a mask: the second product subtracts 256·odd·x.
                let pairs = i32x4_dot_i16x8(weights.0, i16x8_shr(even, 8));
                i32x4_add(pairs, i32x4_dot_i16x8(shifted, i16x8_sub(odd, even)))
            } else {
                let bytes = v128_and(weights.0, u16x8_splat(0xff));
                i32x4_add(i32x4_dot_i16x8(bytes, i16x8_shr(even, 8)), i32x4_dot_i16x8(shifted, odd))
            };
            Self(i32x4_add(self.0, products))
        }

        #[inline(always)]
        fn halves(self, shift: u32) -> Self {
            let halves = u32x4_shr(self.0, shift);
            let magnitudes = i32x4_shl(v128_and(halves, u32x4_splat(0x7fff)), 13);
            let signs = i32x4_shl(v128_and(halves, u32x4_splat(0x8000)), 16);
            // The exponent's bias is 15 instead of 127; a product also normalises subnormal numbers.
            Self(v128_or(f32x4_mul(magnitudes, f32x4_splat(f32::from_bits((127 + 112) << 23))), signs))
        }

        #[inline(always)]
        #[allow(unsafe_code, reason = "registers are filled from raw addresses")]
        unsafe fn load_f16(from: *const u16) -> Self {
            // SAFETY: the caller guarantees four readable halves; the read needs no alignment.
            Self(u32x4_extend_low_u16x8(unsafe { v128_load64_zero(from.cast()) })).halves(0)
        }

        #[inline(always)]
        fn integers(self) -> Self {
            Self(f32x4_convert_i32x4(self.0))
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
    use std::arch::asm;
    use std::arch::x86_64::{
        __m256, __m256i, __m512, __m512i, _mm_cvtsi32_si128, _mm_loadu_si128, _mm256_castsi256_si128,
        _mm256_cvtph_ps, _mm256_loadu_si256, _mm256_packus_epi32, _mm256_permute4x64_epi64,
        _mm512_cvtepi32_epi16, _mm512_cvtph_ps, _mm512_shuffle_f32x4, _mm512_shuffle_ps,
    };

    /// The same instructions for registers of 512 bits …
    mod wide {
        pub use std::arch::x86_64::{
            _mm512_add_epi32 as add_words, _mm512_add_ps as add, _mm512_and_si512 as and,
            _mm512_castps_si512 as words, _mm512_castsi512_ps as floats, _mm512_cvtepi32_ps as integers,
            _mm512_fmadd_ps as mul_add, _mm512_loadu_ps as load, _mm512_madd_epi16 as add_pairs,
            _mm512_maddubs_epi16 as dot_pairs, _mm512_mul_ps as mul, _mm512_set1_epi16 as splat_half,
            _mm512_set1_epi32 as splat_word, _mm512_set1_ps as splat, _mm512_srl_epi32 as shift_right,
            _mm512_storeu_ps as store, _mm512_xor_si512 as xor,
        };
    }

    /// … and of 256.
    mod middle {
        pub use std::arch::x86_64::{
            _mm256_add_epi32 as add_words, _mm256_add_ps as add, _mm256_and_si256 as and,
            _mm256_castps_si256 as words, _mm256_castsi256_ps as floats, _mm256_cvtepi32_ps as integers,
            _mm256_fmadd_ps as mul_add, _mm256_loadu_ps as load, _mm256_madd_epi16 as add_pairs,
            _mm256_maddubs_epi16 as dot_pairs, _mm256_mul_ps as mul, _mm256_set1_epi16 as splat_half,
            _mm256_set1_epi32 as splat_word, _mm256_set1_ps as splat, _mm256_srl_epi32 as shift_right,
            _mm256_storeu_ps as store, _mm256_xor_si256 as xor,
        };
    }

    // The instruction is written out, because only some machines of a level have it, and a function for these alone would not be inlined.
    macro_rules! vpdpbusd {
        ($name:ident, $register:ty, $class:ident, $features:tt, $instruction:tt) => {
            #[inline]
            #[target_feature(enable = $features)]
            #[allow(unsafe_code, reason = "an instruction that is not in the features of its function")]
            fn $name(mut sums: $register, weights: $register, x: $register) -> $register {
                // SAFETY: it only reads and writes these registers; called only where `has_vnni` found it.
                unsafe {
                    asm!($instruction, inout($class) sums, in($class) weights, in($class) x,
                        options(pure, nomem, nostack, preserves_flags));
                }
                sums
            }
        };
    }
    vpdpbusd!(vpdpbusd_512, __m512i, zmm_reg, "avx512f", "vpdpbusd {0}, {1}, {2}");
    vpdpbusd!(vpdpbusd_256, __m256i, ymm_reg, "avx2", "{{vex}} vpdpbusd {0}, {1}, {2}");

    macro_rules! register {
        ($name:ident, $register:ty, $set:ident, $count:literal, $rows:literal, $vpdpbusd:ident, $vnni:tt $(, $own:item)*) => {
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
                    Self(unsafe { $set::splat(value) })
                }

                #[inline(always)]
                unsafe fn load(from: *const f32) -> Self {
                    // SAFETY: the caller guarantees readable floats.
                    Self(unsafe { $set::load(from) })
                }

                #[inline(always)]
                unsafe fn store(self, to: *mut f32) {
                    // SAFETY: the caller guarantees writable floats.
                    unsafe { $set::store(to, self.0) }
                }

                #[inline(always)]
                fn mul_add(self, factor: Self, term: Self) -> Self {
                    // SAFETY: as for `splat`.
                    Self(unsafe { $set::mul_add(self.0, factor.0, term.0) })
                }

                #[inline(always)]
                fn add(self, other: Self) -> Self {
                    // SAFETY: as for `splat`.
                    Self(unsafe { $set::add(self.0, other.0) })
                }

                #[inline(always)]
                fn mul(self, other: Self) -> Self {
                    // SAFETY: as for `splat`.
                    Self(unsafe { $set::mul(self.0, other.0) })
                }

                #[inline(always)]
                fn has_vnni() -> bool {
                    std::arch::is_x86_feature_detected!($vnni)
                }

                #[inline(always)]
                fn bits(self, shift: u32, mask: u32, flipped: u32) -> Self {
                    // SAFETY: as for `splat`.
                    unsafe {
                        let words = $set::shift_right($set::words(self.0), _mm_cvtsi32_si128(shift as i32));
                        let words = $set::and(words, $set::splat_word(mask as i32));
                        Self($set::floats($set::xor(words, $set::splat_word(flipped as i32))))
                    }
                }

                #[inline(always)]
                fn dot<const BITS: usize, const VNNI: bool>(self, weights: Self, x: Self) -> Self {
                    // SAFETY: as for `splat`.
                    unsafe {
                        let (sums, x) = ($set::words(self.0), $set::words(x.0));
                        if VNNI {
                            return Self($set::floats($vpdpbusd(sums, $set::words(weights.0), x)));
                        }
                        // Sums of two products with 7 bits fit into 16 bits; with 8 they do not.
                        let low = if BITS < 8 { weights } else { weights.bits(0, 0x0f0f_0f0f, 0) };
                        let low = $set::add_pairs($set::dot_pairs($set::words(low.0), x), $set::splat_half(1));
                        let sums = $set::add_words(sums, low);
                        if BITS < 8 {
                            return Self($set::floats(sums));
                        }
                        let high = $set::words(weights.bits(4, 0x0f0f_0f0f, 0).0);
                        let high = $set::add_pairs($set::dot_pairs(high, x), $set::splat_half(16));
                        Self($set::floats($set::add_words(sums, high)))
                    }
                }

                #[inline(always)]
                fn integers(self) -> Self {
                    // SAFETY: as for `splat`.
                    Self(unsafe { $set::integers($set::words(self.0)) })
                }

                $($own)*
            }
        };
    }

    register!(
        Avx512,
        __m512,
        wide,
        16,
        8,
        vpdpbusd_512,
        "avx512vnni",
        #[inline(always)]
        fn halves(self, shift: u32) -> Self {
            // SAFETY: as for `splat`.
            unsafe {
                let words = wide::shift_right(wide::words(self.0), _mm_cvtsi32_si128(shift as i32));
                Self(_mm512_cvtph_ps(_mm512_cvtepi32_epi16(words)))
            }
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
                    Self(wide::add(low, _mm512_shuffle_f32x4::<0xEE>(a.0, b.0)))
                };
                let quarters = |a: Self, b: Self| {
                    let low = _mm512_shuffle_f32x4::<0x88>(a.0, b.0);
                    wide::add(low, _mm512_shuffle_f32x4::<0xDD>(a.0, b.0))
                };
                let [a, b, c, d, e, f, g, h] = eight;
                let first = quarters(halves(a, b), halves(c, d));
                let second = quarters(halves(e, f), halves(g, h));
                let low = _mm512_shuffle_ps::<0x44>(first, second);
                let pairs = wide::add(low, _mm512_shuffle_ps::<0xEE>(first, second));
                let low = _mm512_shuffle_ps::<0x88>(pairs, pairs);
                let sums = wide::add(low, _mm512_shuffle_ps::<0xDD>(pairs, pairs));
                let mut lanes = [0.0; 16];
                wide::store(lanes.as_mut_ptr(), sums);
                [0, 4, 8, 12, 1, 5, 9, 13].map(|at| lanes[at])
            }
        }
    );
    register!(
        Avx2,
        __m256,
        middle,
        8,
        6,
        vpdpbusd_256,
        "avxvnni",
        #[inline(always)]
        fn halves(self, shift: u32) -> Self {
            // SAFETY: as for `splat`.
            unsafe {
                let words = middle::words(self.bits(shift, 0xffff, 0).0);
                let halves = _mm256_permute4x64_epi64::<8>(_mm256_packus_epi32(words, words));
                Self(_mm256_cvtph_ps(_mm256_castsi256_si128(halves)))
            }
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
