// SPDX-License-Identifier: Apache-2.0
// Eigenvectors of a small symmetric matrix.
#ifndef FG_EIGEN_H
#define FG_EIGEN_H

#ifdef __cplusplus
extern "C" {
#endif

// Cyclic Jacobi (Golub and Van Loan, Matrix Computations, section 8.5). `a` is n x n, symmetric,
// row-major, and is destroyed. values[i], falling, belongs to row i of `vectors` (n x n), which
// has length 1 and its component of largest magnitude positive. The order of rotations is fixed,
// so the same input gives the same result. 0 or -ENOMEM.
int fg_eigen(double *a, unsigned n, double *values, double *vectors);

#ifdef __cplusplus
}
#endif
#endif
