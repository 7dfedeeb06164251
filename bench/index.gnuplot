# SPDX-License-Identifier: Apache-2.0
# build/bench/index.svg and index.png from what bench_index left: the median of a search against the
# number of people, one panel for each dimension, one line for each engine. The first three blocks of
# the data are ours at three thresholds, of which a run has each dimension's own, or all.
folder = 'build/bench'
array dimensions[3] = [64, 192, 512]

set style line  1 linecolor rgb '#c1272d' dashtype 1 linewidth 2.5 pointtype 7 pointsize 0.6
set style line  2 linecolor rgb '#c1272d' dashtype 1 linewidth 2.5 pointtype 7 pointsize 0.6
set style line  3 linecolor rgb '#c1272d' dashtype 1 linewidth 2.5 pointtype 7 pointsize 0.6
set style line  4 linecolor rgb '#e08214' dashtype 1 linewidth 1.5 pointtype 7 pointsize 0.5
set style line  5 linecolor rgb '#4d4d4d' dashtype 2 linewidth 1.5 pointtype 6 pointsize 0.5
set style line  6 linecolor rgb '#4d4d4d' dashtype 1 linewidth 1.5 pointtype 6 pointsize 0.5
set style line  7 linecolor rgb '#0571b0' dashtype 1 linewidth 1.5 pointtype 4 pointsize 0.5
set style line  8 linecolor rgb '#0571b0' dashtype 2 linewidth 1.5 pointtype 4 pointsize 0.5
set style line  9 linecolor rgb '#0571b0' dashtype 3 linewidth 1.5 pointtype 4 pointsize 0.5
set style line 10 linecolor rgb '#7b3294' dashtype 2 linewidth 1.5 pointtype 8 pointsize 0.5
set style line 11 linecolor rgb '#7b3294' dashtype 1 linewidth 1.5 pointtype 8 pointsize 0.5
set style line 12 linecolor rgb '#008837' dashtype 2 linewidth 1.5 pointtype 10 pointsize 0.5
set style line 13 linecolor rgb '#008837' dashtype 1 linewidth 1.5 pointtype 10 pointsize 0.5

set logscale xy
set format x '10^{%T}'
set format y '10^{%T}'
set xrange [7e3:*]
set yrange [0.005:3000]
set key off

# The fourth panel is the key alone: its lines lie outside of what it shows.
draw = "set multiplot layout 1, 4;" . \
    "set border; set tics; set grid linecolor rgb '#dddddd'; set xlabel 'people';" . \
    "set ylabel 'ms a search, median, one thread'; set key off; set yrange [0.005:3000];" . \
    "do for [p = 1:3] {" . \
    "  file = sprintf('%s/index_%d.dat', folder, dimensions[p]);" . \
    "  stats file using 1:2 nooutput;" . \
    "  set title sprintf('%d dimensions', dimensions[p]);" . \
    "  plot for [i = 0:STATS_blocks - 1] file index i using 1:2 with linespoints" . \
    "    linestyle i + 1 notitle;" . \
    "  set ylabel ' ' };" . \
    "set title ' '; unset xlabel; unset ylabel; unset tics; unset border; unset grid;" . \
    "set key inside left center reverse Left samplen 3 width -4; set yrange [1e8:1e9];" . \
    "plot NaN with linespoints linestyle 1 title 'ours'," . \
    "  for [i = 3:STATS_blocks - 1] file index i using 1:2 with linespoints" . \
    "  linestyle i + 1 title columnheader(1);" . \
    "unset multiplot"

set terminal svg size 1400, 480 font 'sans,12' background 'white'
set output folder . '/index.svg'
eval draw
set terminal pngcairo size 1400, 480 font 'sans,10'
set output folder . '/index.png'
eval draw
