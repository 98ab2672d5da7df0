/* x counts as 0 below `small` in size; NaN stays */
static real settled(real x, real small) { return ABS(x) < small ? 0 : x; }

static real at_most(real x, real top) { return x > top ? top : x; }

static real at_least(real x, real bottom) { return x < bottom ? bottom : x; }

static word bits_of(real x) {
  word i;
  memcpy(&i, &x, sizeof i);
  return i;
}

static real from_bits(word i) {
  real x;
  memcpy(&x, &i, sizeof x);
  return x;
}

/* c[0] + c[1]*x + c[2]*x*x + ..., by Horner's rule with one rounding a term */
static real polynomial(real x, const real *c, int n) {
  real sum = c[n - 1];
  int k;
  for (k = 2; k <= n; ++k) sum = FMA(sum, x, c[n - k]);
  return sum;
}

/* 2^n for whole n of the normal range */
static real power_of_two(word n) { return from_bits((word)((n + TERM_exponent_bias) << TERM_mantissa_bits)); }

/* x rounded to a whole number: adding TERM_magic leaves it in the last bits */
static real whole(real x, real factor, word *i) {
  const real t = FMA(x, factor, TERM_magic);
  *i = bits_of(t) - bits_of(TERM_magic);
  return t - TERM_magic;
}

/* x = n*ln 2 + r with |r| <= ln 2 / 2; e^r - 1 is returned */
static real reduced(real x, real *n, word *i) {
  real r;
  *n = whole(x, TERM_log2_e, i);
  r = FMA(-*n, TERM_ln2_high, x);
  r = FMA(-*n, TERM_ln2_low, r);
  return FMA(r * r, polynomial(r, TERM_expm1, COUNT(TERM_expm1)), r);
}

static real exp_of(real x) {
  real n;
  word i, half;
  const real rest = reduced(at_least(at_most(x, TERM_exp_top), TERM_exp_bottom), &n, &i);
  whole(n, (real)0.5, &half); /* 2^n in two factors: n reaches beyond the normal range at both ends */
  return (1 + rest) * power_of_two(half) * power_of_two(i - half);
}

static real expm1_of(real x) {
  real n, s;
  word i;
  const real rest = reduced(at_least(at_most(x, TERM_exp_top), TERM_expm1_bottom), &n, &i);
  s = power_of_two(i - 1); /* half of 2^n, which may be too large */
  return 2 * FMA(s, rest, s - (real)0.5);
}

/* log((1 + f)*2^k) for sqrt(1/2) <= 1 + f < sqrt(2) */
static real log_of_parts(real f, real k) {
  const real s = f / (2 + f), square = s * s, half_f2 = (real)0.5 * f * f;
  const real tail = s * (half_f2 + square * polynomial(square, TERM_log, COUNT(TERM_log)));
  return FMA(k, TERM_ln2_high, f - (half_f2 - FMA(k, TERM_ln2_low, tail)));
}

/* log(1 + x) for 0 <= x <= 1 */
static real log1p_of_unit(real x) {
  return x > (real)0.41421356 ? log_of_parts((x - 1) * (real)0.5, 1) : log_of_parts(x, 0);
}

static real tanh_of(real x) {
  const real t = expm1_of(-2 * ABS(x)), size = -t / (t + 2);
  return COPYSIGN(size, x);
}

static real sigmoid_of(real x) {
  const real e = exp_of(-ABS(x));
  return (x >= 0 ? 1 : e) / (1 + e);
}

static real softplus_of(real x) { return (x > 0 ? x : 0) + log1p_of_unit(exp_of(-ABS(x))); }

/* erf(x) for |x| <= 1 */
static real erf_near(real x) { return FMA(x, polynomial(x * x, TERM_erf, COUNT(TERM_erf)), x); }

/* erfc(x) for x >= 0.45, given x*x = square + rest */
static real erfc_far(real x, real square, real rest) {
  real q, e;
  x = at_most(x, TERM_erfc_top);
  q = (x - 4) / (x + 4);
  e = exp_of(-square);
  e = FMA(-e, rest, e);
  return e * (polynomial(q, TERM_erfc, COUNT(TERM_erfc)) / FMA(2, x, 1));
}

/* erfc(-x/sqrt(2)) / 2, with its digits in the left tail */
static real normal_distribution(real x) {
  const real half = (real)0.5, size = at_most(ABS(x), 2 * TERM_erfc_top), square = size * size;
  const real rest = FMA(size, size, -square);
  const real tail = half * erfc_far(size * TERM_sqrt_half, half * square, half * rest);
  if (size > (real)0.7) return x < 0 ? tail : 1 - tail;
  return FMA(half, erf_near(x * TERM_sqrt_half), half);
}

/* the sum of a row: one sum for each place of a line of 64 bytes, then a tree */
static real sum_of_row(const real *x, int n) {
  real line[LINE] = {0};
  int j, k, half;
  for (j = 0; j < n; ++j) line[j % LINE] = line[j % LINE] + x[j];
  for (half = LINE / 2; half > 0; half /= 2)
    for (k = 0; k < half; ++k) line[k] = line[k] + line[k + half];
  return line[0];
}

/* the same of squares */
static real sum_of_squares(const real *x, int n) {
  real line[LINE] = {0};
  int j, k, half;
  for (j = 0; j < n; ++j) line[j % LINE] = FMA(x[j], x[j], line[j % LINE]);
  for (half = LINE / 2; half > 0; half /= 2)
    for (k = 0; k < half; ++k) line[k] = line[k] + line[k + half];
  return line[0];
}

static void softmax_of(real *z, int n, real small) {
  real top = -INFINITY, sum;
  int j;
  for (j = 0; j < n; ++j) top = z[j] > top ? z[j] : top;
  for (j = 0; j < n; ++j) {
    const real x = z[j] - top;
    z[j] = small > 0 && x < TERM_share_bottom ? 0 : exp_of(x);
  }
  sum = sum_of_row(z, n);
  for (j = 0; j < n; ++j) z[j] = z[j] / sum;
}

/* u = gain * x + shift of a row brought to mean 0 and variance 1 */
static void layer_norm(real *z, int n, const real *gain, const real *shift, real small) {
  real mean = sum_of_row(z, n) / n, rest, variance, inverse;
  int j;
  for (j = 0; j < n; ++j) z[j] = z[j] - mean;
  rest = sum_of_row(z, n) / n; /* the rounding of a large mean */
  variance = at_least(FMA(-rest, rest, sum_of_squares(z, n) / n), 0);
  inverse = 1 / SQRT(variance + (real)1e-5) + (variance - variance); /* NaN where the variance overflowed */
  for (j = 0; j < n; ++j) z[j] = settled(FMA(gain[j], (z[j] - rest) * inverse, shift[j]), small);
}

/* z = x @ W + b: each z is one chain of fused multiply-adds over the inputs */
static void dense(const real *x, const real *W, const real *b, int n_in, int n_out, real small, real *z) {
  int k, j;
  for (j = 0; j < n_out; ++j) z[j] = 0;
  for (k = 0; k < n_in; ++k, W += n_out)
    for (j = 0; j < n_out; ++j) z[j] = FMA(x[k], W[j], z[j]);
  for (j = 0; j < n_out; ++j) z[j] = settled(z[j] + b[j], small);
}
