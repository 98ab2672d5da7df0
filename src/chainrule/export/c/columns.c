/* the place of a text in a sorted table, -1 where it is not there */
static int place_of_text(const char *const *sorted, int n, const char *text) {
  int low = 0, high = n - 1;
  while (low <= high) {
    const int middle = low + (high - low) / 2, order = strcmp(sorted[middle], text);
    if (order == 0) return middle;
    if (order < 0)
      low = middle + 1;
    else
      high = middle - 1;
  }
  return -1;
}

/* the same of numbers */
static int place_of_number(const double *sorted, int n, double v) {
  int low = 0, high = n - 1;
  while (low <= high) {
    const int middle = low + (high - low) / 2;
    if (sorted[middle] == v) return middle;
    if (sorted[middle] < v)
      low = middle + 1;
    else
      high = middle - 1;
  }
  return -1;
}

/* (v - center)*factor, held within 1e9 */
static double scaled(double v, double center, double factor) {
  const double x = (v - center) * factor;
  return x < -1e9 ? -1e9 : x > 1e9 ? 1e9 : x;
}

/* drawn smoothly into +-3 */
static double limited(double x) {
  const double third = x / 3;
  return x / sqrt(1 + third * third);
}

/* on the line through the knots (x[j], y[j]) */
static double interpolated(double v, const double *x, const double *y, int n) {
  int low = 0, high = n - 1;
  double slope;
  if (v >= x[n - 1]) return y[n - 1];
  if (v < x[0]) return y[0];
  while (high - low > 1) {
    const int middle = low + (high - low) / 2;
    if (x[middle] <= v)
      low = middle;
    else
      high = middle;
  }
  if (x[low] == v) return y[low];
  slope = (y[low + 1] - y[low]) / (x[low + 1] - x[low]);
  return slope * (v - x[low]) + y[low];
}

/* where v lies between two edges, held within [0, 1] */
static double share_of(double v, double a, double b) {
  const double x = (v - a) / (b - a);
  return x < 0 ? 0 : x > 1 ? 1 : x;
}

/* floor(a / b) for b > 0 */
static int64_t floored(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* the day on which the year of a day begins, both counted from 1970-01-01 */
static int64_t new_year(int64_t day) {
  const int64_t z = day + 719468, era = floored(z, 146097), of_era = z - era * 146097;
  const int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const int64_t of_year = of_era - (365 * year + year / 4 - year / 100); /* from the first of March */
  const int64_t begin = year + era * 400 + (of_year >= 306); /* the calendar year */
  const int64_t before = begin - 1, y = before - floored(before, 400) * 400;
  return floored(before, 400) * 146097 + 365 * y + y / 4 - y / 100 - 719162;
}

/* the part of a day that has passed at t */
static int64_t of_day(int64_t t) {
  const int64_t rest = t % MICROSECONDS_OF_DAY;
  return rest < 0 ? rest + MICROSECONDS_OF_DAY : rest;
}

/* what share of its year, week or day has passed at t */
static double share_of_year(int64_t t) {
  const int64_t day = floored(t, MICROSECONDS_OF_DAY);
  return (double)((day - new_year(day)) * MICROSECONDS_OF_DAY + of_day(t)) / 1e6 / (86400 * 365.25);
}

static double share_of_week(int64_t t) {
  const int64_t day = floored(t, MICROSECONDS_OF_DAY) + 3;
  return (double)(day - floored(day, 7) * 7) / 7.0;
}

static double share_of_day(int64_t t) { return (double)of_day(t) / 1e6 / 86400; }

/* sine and cosine of k turns of a share, k = 1 ... n */
static void waves(real *x, double share, int n) {
  const double turn = 6.283185307179586 * share;
  int k;
  for (k = 1; k <= n; ++k) {
    x[2 * k - 2] = (real)sin(turn * k);
    x[2 * k - 1] = (real)cos(turn * k);
  }
}
