# Time over the size of the books, both on logarithmic axes, as SVG.
# Input: what|entries|microseconds, sorted; variable title: what it ran on.

function log10(x) { return log(x) / log(10) }
function x_of(entries) { return left + (log10(entries) - low_x) / (high_x - low_x) * width }
function y_of(usec) { return top + height - (log10(usec) - low_y) / (high_y - low_y) * height }
function floor(x, n) { n = int(x); return n > x ? n - 1 : n }

# 10,000 entries, 100 µs, 10 ms, 1 s
function entries_text(n, text)
{
    text = sprintf("%d", n)
    while (match(text, /[0-9][0-9][0-9][0-9]($|,)/))
        text = substr(text, 1, RSTART) "," substr(text, RSTART + 1)
    return text
}
function time_text(n)
{
    if (n >= 6)
        return sprintf("%g s", 10 ^ (n - 6))
    return n >= 3 ? sprintf("%g ms", 10 ^ (n - 3)) : sprintf("%g µs", 10 ^ n)
}

{
    if (!($1 in last))
        names[++count] = $1
    points[$1] = points[$1] " " $2 "," $3
    last[$1] = $3
    if (NR == 1 || $2 < least_x) least_x = $2
    if (NR == 1 || $2 > most_x) most_x = $2
    if (NR == 1 || $3 < least_y) least_y = $3
    if (NR == 1 || $3 > most_y) most_y = $3
}

END {
    split("#1b6ca8 #c2452d #2e8b57 #8a5a9e #b07d1a #444444 #0f9aa8 #a83268 #6b8e23 #7a4b2a #5566cc #d94f00", colour, " ")
    left = 70; top = 40; width = 520; height = 380
    low_x = log10(least_x); high_x = log10(most_x)
    low_y = floor(log10(least_y)); high_y = floor(log10(most_y)) + 1

    print "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 480\" font-family=\"sans-serif\" font-size=\"12\">"
    print "<rect width=\"760\" height=\"480\" fill=\"white\"/>"
    printf "<text x=\"%d\" y=\"22\" font-size=\"14\">Time by the entries in the books (%s)</text>\n", left, title
    for (n = low_y; n <= high_y; n++) {
        printf "<line x1=\"%d\" y1=\"%.1f\" x2=\"%d\" y2=\"%.1f\" stroke=\"#dddddd\"/>\n", left, y_of(10 ^ n), left + width, y_of(10 ^ n)
        printf "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", left - 8, y_of(10 ^ n) + 4, time_text(n)
    }

    # labels at the right, pushed apart where they would meet
    for (i = 1; i <= count; i++)
        for (j = i; j > 1 && last[names[j - 1]] < last[names[j]]; j--) {
            swap = names[j]; names[j] = names[j - 1]; names[j - 1] = swap
        }
    at = 0
    for (i = 1; i <= count; i++) {
        name = names[i]
        line = ""
        n = split(points[name], point, " ")
        for (j = 1; j <= n; j++) {
            split(point[j], xy, ",")
            line = line sprintf("%.1f,%.1f ", x_of(xy[1]), y_of(xy[2]))
            printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", x_of(xy[1]), y_of(xy[2]), colour[i]
            if (!(xy[1] in shown)) {
                shown[xy[1]] = 1
                printf "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", x_of(xy[1]), top + height + 20, entries_text(xy[1])
            }
        }
        printf "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n", line, colour[i]
        y = y_of(last[name]) + 4
        if (at && y < at + 15)
            y = at + 15
        at = y
        printf "<text x=\"%d\" y=\"%.1f\" fill=\"%s\">%s</text>\n", left + width + 10, y, colour[i], name
    }
    printf "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">entries</text>\n", left + width / 2, top + height + 42
    print "</svg>"
}
